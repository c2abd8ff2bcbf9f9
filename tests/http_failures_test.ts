import assert from "node:assert/strict";
import { startBackend, startHttp, unusedPort } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { pause } from "./support/deadline.ts";
import {
  encodeAnswer,
  encodeRequest,
  readAnswer,
  readRequest,
  readRequestHead,
  valuesOf,
} from "./support/http.ts";
import { ENGINE_CAN, ENGINES, startProxyFor } from "./support/start_proxy.ts";
import { connectTcp, connectTls } from "./support/tls_client.ts";
import { run, runOk } from "./support/tools.ts";

/** Answers that begin well, and how they go on once the client has seen "abc". */
const CUT_SHORT: readonly [name: string, sent: string, then: "end" | "reset" | "garbage"][] = [
  ["a length, then the end", "Content-Length: 10\r\n\r\nabc", "end"],
  ["a length, then a reset", "Content-Length: 10\r\n\r\nabc", "reset"],
  ["chunks, then the end", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "end"],
  ["half a chunk, then the end", "Transfer-Encoding: chunked\r\n\r\n9\r\nabc", "end"],
  ["chunks, then a reset", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "reset"],
  ["chunks, then no chunk", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "garbage"],
  ["no length, then a reset", "A: b\r\n\r\nabc", "reset"],
];

/** What is no answer; each ends the connection. */
const MALFORMED: readonly [name: string, sent: string][] = [
  ["nothing", ""],
  ["no HTTP", "hello\r\n\r\n"],
  ["no HTTP behind an interim answer", "HTTP/1.1 103 Early Hints\r\n\r\nhello\r\n\r\n"],
  ["another version", "HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n"],
  ["a status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"],
  ["a bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"],
  ["two framings", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc"],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc"],
  ["a signed length", "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n"],
  ["an unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc"],
  ["a folded first line", "HTTP/1.1 200 OK\r\n c\r\nContent-Length: 0\r\n\r\n"],
  ["a folded length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n 4\r\n\r\nabc"],
  ["a NUL", "HTTP/1.1 200 OK\r\nA: \0\r\nContent-Length: 0\r\n\r\n"],
  ["a head without an end", `HTTP/1.1 200 OK\r\nA: ${"a".repeat(20_000)}`],
  [
    "a chunk too long",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
  ],
  ["half a head", "HTTP/1.1 200 OK\r\nContent-Le"],
  ["an upgrade that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
];

Deno.test("http mode says in JSON, too, what is wrong with a request it has read the head of", async () => {
  await using proxy = await startProxyFor({ engine: "openssl", backend: "127.0.0.1:1" });
  const accept = "Accept: application/json";
  const refused: readonly [status: number, request: string][] = [
    [405, encodeRequest("/", { method: "TRACE", fields: [accept] })],
    [417, encodeRequest("/", { fields: [accept, "Expect: a miracle"] })],
    [501, encodeRequest("/", { fields: [accept, "Transfer-Encoding: gzip"] })],
  ];
  for (const [status, request] of refused) {
    using client = await connectTls(proxy.port);
    await client.write(request);
    const answer = await readAnswer(client);
    assert.deepEqual([answer.status, JSON.parse(answer.body).status], [status, status]);
  }
});

/** What a server that breaks off is to send, and has it do so once its client has seen that. */
interface Cut {
  next: (typeof CUT_SHORT)[number] | undefined;
  breakOff: () => void;
}

function startCutting(cut: Cut) {
  return startBackend(async (connection) => {
    await readRequest(connection);
    // a reset destroys what is on its way, so the client is to have it first
    const seen = new Promise<void>((resolve) => cut.breakOff = resolve);
    const [, sent = "", then = ""] = cut.next ?? [];
    await connection.write("HTTP/1.1 200 OK\r\n" + sent);
    await seen;
    if (then === "reset") connection.reset();
    if (then === "garbage") await connection.write("xyz\r\n0\r\n\r\n");
  }, { brokenOff: true });
}

for (const front of ["", "PROXY TCP4 192.0.2.1 192.0.2.2 5 6\r\n"]) {
  const behind = front === "" ? "" : " behind a PROXY header";
  Deno.test(`a client by HTTP/1.0 without TLS${behind} sees that an answer is cut short`, async () => {
    const cut: Cut = { next: undefined, breakOff: () => {} };
    await using backend = await startCutting(cut);
    const proxied = front === "" ? {} : { proxy_protocol: { from: ["127.0.0.0/8"] } };
    await using proxy = await startConfigured(JSON.stringify({
      listeners: [{ listen: "127.0.0.1:0", tls: false, ...proxied }],
      backends: { a: { servers: [backend.address] } },
      routes: [{ backend: "a" }],
      workers: 2,
    }));
    for (cut.next of CUT_SHORT.filter(([, sent]) => !sent.startsWith("Content-Length"))) {
      using client = await connectTcp(proxy.port);
      await client.write(`${front}GET / HTTP/1.0\r\n\r\n`);
      await client.readUntil("abc");
      cut.breakOff();
      await assert.rejects(client.readRest(), /ECONNRESET/, cut.next[0]);
    }
  });
}

for (const way of [...ENGINES, "plain"] as const) {
  Deno.test(`answers arrive though their client asks for more behind the last of them (${way})`, async () => {
    const large = "a".repeat(2_000_000);
    await using backend = await startBackend(async (connection) => {
      while ((await readRequest(connection))?.method === "GET") {
        await connection.write(encodeAnswer(large));
      }
    }, { brokenOff: true });
    const listener = way === "plain" ? { tls: false } : { engine: way };
    const { ec } = await testCertificates();
    await using proxy = await startConfigured(JSON.stringify({
      listeners: [{ listen: "127.0.0.1:0", ...listener }],
      certificates: [ec],
      backends: { a: { servers: [backend.address] } },
      routes: [{ backend: "a" }],
      workers: 1,
    }));
    using client = await (way === "plain" ? connectTcp(proxy.port) : connectTls(proxy.port));
    const asked = [encodeRequest("/"), encodeRequest("/", { method: "POST", body: "x" })];
    // one by one, so that each has a record of its own
    for (const request of asked) await client.write(request);
    for (let i = 0; i < 200; i++) {
      await client.write(encodeRequest("/", { fields: [`X-Pad: ${"a".repeat(1000)}`] }));
    }
    await client.readUntil("\r\n\r\n");
    // slowly: some of it is on its way yet when the last has been written
    let read = "";
    while (read.length < large.length) {
      read += await client.readText(20_000);
      await pause(2);
    }
    assert.equal(read, large);
    const last = await readAnswer(client);
    assert.deepEqual([last.status, valuesOf(last, "Connection")], [502, ["close"]]);
    assert.equal(await client.readRest(), "");
  });
}

for (const engine of ENGINES) {
  Deno.test(`http mode answers 502 at once when the backend refuses (${engine})`, async () => {
    await using proxy = await startProxyFor({ engine, backend: `127.0.0.1:${await unusedPort()}` });
    using client = await connectTls(proxy.port);
    await client.write(encodeRequest("/"));
    await readAnswer(client);
    const started = performance.now();
    await client.write(encodeRequest("/"));
    const text = await readAnswer(client);
    assert.ok(performance.now() - started < 2000);
    assert.equal(text.status, 502);
    assert.deepEqual(valuesOf(text, "Content-Type"), ["text/plain; charset=utf-8"]);
    assert.match(text.body, /^502 Bad Gateway\nrequest [0-9a-f]{8}-\w+\n$/);

    await client.write(encodeRequest("/", { fields: ["Accept: application/json"] }));
    const json = await readAnswer(client);
    assert.equal(json.status, 502);
    assert.deepEqual(valuesOf(json, "Content-Type"), ["application/json"]);
    assert.deepEqual(JSON.parse(json.body), {
      status: 502,
      error: "connect_failed",
      detail: "Bad Gateway",
      request_id: valuesOf(json, "X-Request-Id")[0],
    });
    assert.deepEqual(valuesOf(json, "Retry-After"), ["10"]);

    await client.write(encodeRequest("/", { method: "HEAD" }));
    assert.equal((await readAnswer(client, { method: "HEAD" })).status, 502);

    const post = encodeRequest("/", { method: "POST", body: "x".repeat(1000) });
    await client.write(post);
    const whole = await readAnswer(client);
    assert.deepEqual([whole.status, valuesOf(whole, "Connection")], [502, []]);
    // behind what has not come there is no next request
    await client.write(post.slice(0, -1));
    const part = await readAnswer(client);
    assert.deepEqual([part.status, valuesOf(part, "Connection")], [502, ["close"]]);
    assert.equal(await client.readRest(), "");
    await proxy.log.count(/ warning server failed .*error=connect_failed .*refused/, 6);

    const { ca } = await testCertificates();
    const upload = await run("curl", [
      ...["-sS", "-w", "%{http_code}", "--cacert", ca, "--data-binary", "@-"],
      ...["-o", "/dev/null", `https://localhost:${proxy.port}/`],
    ], { input: "x".repeat(3_000_000) });
    assert.equal(upload.stdout, "502", upload.stderr);
  });

  Deno.test(`http mode goes on to the next server when one refuses (${engine})`, async () => {
    await using backend = await startHttp();
    const refusing = `127.0.0.1:${await unusedPort()}`;
    const flags = ["--backend", backend.address];
    await using proxy = await startProxyFor({ engine, backend: refusing, flags });
    using client = await connectTls(proxy.port);
    for (let i = 0; i < 4; i++) {
      await client.write(encodeRequest("/", { method: "POST", body: "abc" }));
      assert.equal((await readAnswer(client)).body, "hello");
    }
    assert.deepEqual(backend.requests.map(({ body }) => body), ["abc", "abc", "abc", "abc"]);
  });

  Deno.test(`http mode takes no pooled connection that its server ended (${engine})`, async () => {
    await using backend = await startBackend(async (connection) => {
      await readRequest(connection);
      await connection.write(encodeAnswer("x"));
    });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    for (let i = 0; i < 5; i++) {
      await client.write(encodeRequest("/"));
      assert.equal((await readAnswer(client)).status, 200);
      await backend.allGone();
    }
    assert.equal(backend.connections.length, 5);
  });

  Deno.test(`http mode sends a GET again whose pooled connection ends (${engine})`, async () => {
    for (const how of ["end", "reset"] as const) {
      const seen: string[] = [];
      // the second request on a connection comes when the server has made up its mind to close it
      await using backend = await startBackend(async (connection) => {
        for (let first = true;; first = false) {
          const request = await readRequest(connection);
          if (request === undefined) return;
          seen.push(request.method + request.body);
          if (first) await connection.write(encodeAnswer("x"));
          else if (how === "reset") return connection.reset();
          else return;
        }
      }, { brokenOff: true });
      await using proxy = await startProxyFor({ engine, backend: backend.address });
      using client = await connectTls(proxy.port);
      const statusOf = async (method: string, body = "") => {
        await client.write(encodeRequest("/", { method, body }));
        return (await readAnswer(client, { method })).status;
      };
      assert.deepEqual([await statusOf("GET"), await statusOf("GET")], [200, 200]);
      assert.deepEqual(seen, ["GET", "GET", "GET"], how);
      assert.deepEqual([await statusOf("HEAD"), await statusOf("DELETE")], [200, 200]);

      // what may have been done once is not done twice
      seen.length = 0;
      assert.equal(await statusOf("POST"), 502);
      assert.deepEqual(seen, ["POST"], how);
      assert.deepEqual([await statusOf("GET"), await statusOf("PUT", "abc")], [200, 502]);
      assert.deepEqual(seen, ["POST", "GET", "PUTabc"], how);
    }
  });

  Deno.test(`http mode lets clients see that an answer is cut short (${engine})`, async () => {
    const cut: Cut = { next: undefined, breakOff: () => {} };
    await using backend = await startCutting(cut);
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    for (cut.next of CUT_SHORT) {
      const [name] = cut.next;
      using modern = await connectTls(proxy.port);
      await modern.write(encodeRequest("/"));
      assert.match(
        await modern.readUntil("\r\n\r\n"),
        /^HTTP\/1\.1 200 [^]*\r\n(Cont|Trans)/,
        name,
      );
      await modern.readUntil("abc");
      cut.breakOff();
      // whether or not TLS tells of it, the framing does
      const rest = await modern.readRest().catch(() => "broken off");
      assert.doesNotMatch(rest, /0\r\n\r\n$/, name);

      // HTTP/1.0 has no framing that would, where the length is not known
      using old = await connectTls(proxy.port);
      await old.write("GET / HTTP/1.0\r\n\r\n");
      await old.readUntil("abc");
      cut.breakOff();
      const toldByTls = await old.readRest().then(() => false, () => true);
      assert.equal(toldByTls, ENGINE_CAN[engine].has("truncation_shown"), name);
    }
  });

  Deno.test(`http mode lets curl see that an answer is cut short (${engine})`, async () => {
    for (const [name, sent] of CUT_SHORT.filter(([, , then]) => then === "end")) {
      await using backend = await startBackend(async (connection) => {
        await readRequest(connection);
        await connection.write("HTTP/1.1 200 OK\r\n" + sent);
      });
      await using proxy = await startProxyFor({ engine, backend: backend.address });
      const { ca } = await testCertificates();
      const { code } = await run("curl", [
        ...["-sS", "-o", "/dev/null", "--cacert", ca, `https://localhost:${proxy.port}/`],
      ]);
      // CURLE_PARTIAL_FILE or CURLE_RECV_ERROR
      // a stream of HTTP/2 is reset
      assert.ok([18, 56, 92].includes(code), `${name}: ${code}`);
    }
  });

  Deno.test(`http mode answers 502 to what is no answer (${engine})`, async () => {
    let next = MALFORMED[0];
    await using backend = await startBackend(async (connection) => {
      await readRequest(connection);
      await connection.write(next?.[1] ?? "");
    }, { brokenOff: true });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    for (next of MALFORMED) {
      await client.write(encodeRequest("/"));
      const answer = await readAnswer(client);
      assert.equal(answer.status, 502, next[0]);
      assert.match(answer.body, /^502 Bad Gateway\n(?:.*limits\.header_bytes .*\n)?request \S+\n$/);
    }
    assert.equal(backend.connections.length, MALFORMED.length);
    await proxy.log.count(/ warning server failed /, MALFORMED.length);
  });

  Deno.test(`http mode gives nobody what a server sent unasked (${engine})`, async () => {
    await using backend = await startBackend(async (connection) => {
      await readRequest(connection);
      await connection.write(encodeAnswer("mine") + encodeAnswer("poison"));
      await connection.readRest();
    });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    for (let i = 0; i < 3; i++) {
      await client.write(encodeRequest("/"));
      assert.equal((await readAnswer(client)).body, "mine");
    }
    assert.equal(backend.connections.length, 3);
  });

  Deno.test(`http mode passes an early answer on, then ends (${engine})`, async () => {
    await using backend = await startBackend(async (connection) => {
      await readRequestHead(connection);
      await connection.write(encodeAnswer("too large", { status: 413 }));
      await connection.untilGone();
    }, { brokenOff: true });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    const head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
    await client.write(head + "x".repeat(1000));
    const answer = await readAnswer(client);
    assert.deepEqual([answer.status, answer.body], [413, "too large"]);
    assert.deepEqual(valuesOf(answer, "Connection"), ["close"]);
    assert.equal(await client.readRest(), "");
    // a client that goes on, slowly, does not keep its connection for good
    await client.write("x");
    await proxy.log.first(/ end .*how=/);
    await backend.allGone();
  });

  Deno.test(`http mode answers a client that half-closed (${engine})`, async () => {
    await using backend = await startHttp(() => encodeAnswer("hello"));
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    await client.write(encodeRequest("/a") + encodeRequest("/b"));
    await client.end();
    assert.equal((await readAnswer(client)).body, "hello");
    assert.equal((await readAnswer(client)).body, "hello");
    assert.equal(await client.readRest(), "");

    const { ca } = await testCertificates();
    const printed = await runOk("openssl", [
      ...["s_client", "-quiet", "-connect", `127.0.0.1:${proxy.port}`, "-CAfile", ca],
    ], { input: encodeRequest("/", { fields: ["Connection: close"] }) });
    assert.match(printed, /^HTTP\/1\.1 200 [^]*\r\n\r\nhello$/);
  });
}
