import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { startBackend, startHttp } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { latin1 } from "./support/connection.ts";
import {
  encodeAnswer,
  encodeChunks,
  encodeRequest,
  readAnswer,
  type SeenRequest,
  valuesOf,
} from "./support/http.ts";
import { ENGINES, startProxyFor } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";
import { run } from "./support/tools.ts";

/** What a client may claim about where it comes from. */
const CLAIMS: readonly (readonly string[])[] = [
  [],
  ["X-Forwarded-For: 6.6.6.6"],
  ["x-forwarded-for: 6.6.6.6", "X-FORWARDED-FOR: 7.7.7.7", "X-Forwarded-Host: evil"],
  ["X_Forwarded_For: 6.6.6.6", "X-Forwarded_Host: evil", "x_forwarded_proto: http"],
  ["Connection: X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, X-Forwarded-Port"],
  ["Connection: x-forwarded-for", "X-Forwarded-For: 6.6.6.6", "Connection: keep-alive"],
  ["X-Forwarded-Port: 1", "X-Forwarded-Proto: gopher", "Forwarded: for=6.6.6.6"],
  ["X-Real-IP: 6.6.6.6", "X-Forwarded-Prefix: /evil", "X-Forwarded-Ssl: evil", "Proxy: evil"],
  ["True-Client-IP: 6.6.6.6", "X-Original-URL: /evil", "X-Rewrite-URL: /evil"],
  ["X_Real_IP: 6.6.6.6", "Content_Length: 3", "Transfer_Encoding: chunked", "X_Rewrite-URL: /evil"],
];

/**
 * What is refused, and with what status; each with the whole of a request in front of it or not.
 * `H` stands for the line that every HTTP/1.1 request has to have.
 */
const REFUSED: readonly [name: string, status: number, request: string][] = [
  [
    "two framings",
    400,
    "POST / HTTP/1.1\r\nH\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
  ["two lengths", 400, "POST / HTTP/1.1\r\nH\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"],
  ["a list of lengths", 400, "POST / HTTP/1.1\r\nH\r\nContent-Length: 3, 3\r\n\r\nabc"],
  ["a signed length", 400, "POST / HTTP/1.1\r\nH\r\nContent-Length: +3\r\n\r\nabc"],
  ["a hexadecimal length", 400, "POST / HTTP/1.1\r\nH\r\nContent-Length: 0x3\r\n\r\nabc"],
  ["an empty length", 400, "POST / HTTP/1.1\r\nH\r\nContent-Length:\r\n\r\n"],
  ["an unknown coding", 501, "POST / HTTP/1.1\r\nH\r\nTransfer-Encoding: gzip\r\n\r\n"],
  [
    "chunked twice",
    400,
    "POST / HTTP/1.1\r\nH\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
  ],
  [
    "a coding behind chunked",
    400,
    "POST / HTTP/1.1\r\nH\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
  ],
  ["a method that is too long", 400, `${"A".repeat(100_000)} / HTTP/1.1\r\nH\r\n\r\n`],
  ["a chunked 1.0", 400, "POST / HTTP/1.0\r\nH\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["obs-fold", 400, "GET / HTTP/1.1\r\nH\r\nA: b\r\n c\r\n\r\n"],
  ["a bare LF", 400, "GET / HTTP/1.1\nH\n\n"],
  ["a bare LF behind a field", 400, "GET / HTTP/1.1\r\nH\r\nA: b\nC: d\r\n\r\n"],
  ["a bare CR", 400, "GET / HTTP/1.1\r\nH\r\nA: b\rC: d\r\n\r\n"],
  ["a space before the colon", 400, "GET / HTTP/1.1\r\nH\r\nA : b\r\n\r\n"],
  ["a NUL", 400, "GET / HTTP/1.1\r\nH\r\nA: b\0\r\n\r\n"],
  ["a field without a name", 400, "GET / HTTP/1.1\r\nH\r\n: b\r\n\r\n"],
  ["a line without a colon", 400, "GET / HTTP/1.1\r\nH\r\nA\r\n\r\n"],
  ["no Host", 400, "GET / HTTP/1.1\r\n\r\n"],
  ["two Hosts", 400, "GET / HTTP/1.1\r\nH\r\nHost: other\r\n\r\n"],
  ["a Host that is none", 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"],
  ["a Host unlike the target's", 400, "GET http://other/ HTTP/1.1\r\nH\r\n\r\n"],
  ["a lower-case version", 400, "GET / http/1.1\r\nH\r\n\r\n"],
  ["another version", 505, "GET / HTTP/2.0\r\nH\r\n\r\n"],
  ["a method that is no token", 400, "G@T / HTTP/1.1\r\nH\r\n\r\n"],
  ["a target without a slash", 400, "GET foo HTTP/1.1\r\nH\r\n\r\n"],
  ["a target with a control character", 400, "GET /a\tb HTTP/1.1\r\nH\r\n\r\n"],
  ["two spaces", 400, "GET  / HTTP/1.1\r\nH\r\n\r\n"],
  ["CONNECT", 405, "CONNECT localhost:443 HTTP/1.1\r\nH\r\n\r\n"],
  ["TRACE", 405, "TRACE / HTTP/1.1\r\nH\r\n\r\n"],
  ["a target that is too long", 414, `GET /${"a".repeat(20_000)} HTTP/1.1\r\nH\r\n\r\n`],
  ["a head that is too long", 431, `GET / HTTP/1.1\r\nH\r\nA: ${"a".repeat(20_000)}\r\n\r\n`],
  ["too many fields", 431, `GET / HTTP/1.1\r\nH\r\n${"A: b\r\n".repeat(120)}\r\n`],
];

/** Bodies that turn out malformed when a part of the request has gone on already. */
const BROKEN_BODIES: readonly [name: string, body: string][] = [
  ["a size that is none", "3\r\nabc\r\nxyz\r\n"],
  ["a signed size", "3\r\nabc\r\n+3\r\nabc\r\n"],
  ["a size after a space", "3\r\nabc\r\n 3\r\nabc\r\n0\r\n\r\n"],
  ["a chunk that is too long", "3\r\nabcdef\r\n0\r\n\r\n"],
  ["a bare LF behind a size", "3\nabc\r\n0\r\n\r\n"],
  ["a size without an end", "fffffffffffffffff\r\n"],
  ["an extension that is none", "3\r\nabc\r\n3;\r\nabc\r\n0\r\n\r\n"],
  ["a malformed trailer", "3\r\nabc\r\n0\r\nA : b\r\n\r\n"],
];

for (const engine of ENGINES) {
  Deno.test(`http mode tells backends who asked, whatever a client claims (${engine})`, async () => {
    await using backend = await startHttp();
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    for (const fields of CLAIMS) {
      await client.write(encodeRequest("/", { fields, host: "Shop.example:99" }));
      assert.equal((await readAnswer(client)).status, 200);
      const request = backend.requests.at(-1) as SeenRequest;
      assert.deepEqual(valuesOf(request, "X-Forwarded-For"), ["127.0.0.1"]);
      assert.deepEqual(valuesOf(request, "X-Forwarded-Proto"), ["https"]);
      assert.deepEqual(valuesOf(request, "X-Forwarded-Host"), ["Shop.example:99"]);
      assert.deepEqual(valuesOf(request, "X-Forwarded-Port"), [String(proxy.port)]);
      assert.doesNotMatch(request.head, /6\.6\.6\.6|7\.7\.7\.7|evil|gopher|_|\r\nForwarded/i);
    }
    assert.equal(backend.requests.length, CLAIMS.length);
  });

  Deno.test(`http mode passes on what is end to end, and nothing else (${engine})`, async () => {
    await using backend = await startHttp();
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    const fields = [
      ...["Cookie: a=b", "X-One: 1", "x-one: 2", "Accept: text/html;q=0.5", "X-Empty:"],
      ...["Connection: X-Hop, keep-alive", "X-Hop: 1", "Keep-Alive: 5", "Proxy-Connection: x"],
      ...["TE: trailers", "Upgrade: websocket", "Proxy-Authorization: secret", "X-Byte: caf\xe9"],
    ];
    await client.write(encodeRequest("/a%20b?c=d&e[]=f", { method: "REPORT", fields }));
    await readAnswer(client);
    const [request] = backend.requests;
    assert.ok(request);
    assert.deepEqual([request.method, request.target], ["REPORT", "/a%20b?c=d&e[]=f"]);
    assert.deepEqual(request.fields.map(([name, value]) => `${name}: ${value}`), [
      ...["Host: localhost", "Cookie: a=b", "X-One: 1", "x-one: 2"],
      ...["Accept: text/html;q=0.5", "X-Empty: ", "X-Byte: caf\xe9"],
      ...["TE: trailers", "Connection: TE"],
      ...["X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: https"],
      ...["X-Forwarded-Host: localhost", `X-Forwarded-Port: ${proxy.port}`],
      `X-Request-Id: ${valuesOf(request, "X-Request-Id")[0]}`,
    ]);
  });

  Deno.test(`http mode answers OPTIONS that may go no further (${engine})`, async () => {
    await using backend = await startHttp();
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    const ask = async (method: string, hops: string, target = "/") => {
      await client.write(encodeRequest(target, { method, fields: [`Max-Forwards: ${hops}`] }));
      return await readAnswer(client);
    };
    for (const target of ["/", "*"]) {
      const answer = await ask("OPTIONS", "0", target);
      assert.deepEqual([answer.status, answer.body], [200, ""]);
      assert.match(valuesOf(answer, "Allow").join(), /^GET, .*OPTIONS$/);
      assert.deepEqual(valuesOf(answer, "Connection"), []);
    }
    assert.equal(backend.requests.length, 0);
    // the same fields mean another thing to another method
    assert.equal((await ask("GET", "5")).body, "hello");
    assert.equal((await ask("OPTIONS", "5")).body, "hello");
    assert.equal((await ask("GET", "0")).body, "hello");
    const told = backend.requests.map((request) => valuesOf(request, "Max-Forwards").join());
    assert.deepEqual(told, ["5", "4", "0"]);
    const trace = await ask("TRACE", "0");
    assert.equal(trace.status, 405);
    await proxy.log.count(/ info request .* method=OPTIONS .* status=200 /, 3);
  });

  Deno.test(`http mode takes a Host with an empty port (${engine})`, async () => {
    await using backend = await startHttp();
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    await client.write(encodeRequest("/", { host: "Shop.example:" }));
    await client.write(encodeRequest("https://shop.example:443/", { host: "shop.example" }));
    for (let i = 0; i < 2; i++) assert.equal((await readAnswer(client)).status, 200);
    const hosts = backend.requests.map((request) => valuesOf(request, "Host"));
    assert.deepEqual(hosts, [["Shop.example"], ["shop.example:443"]]);
  });

  Deno.test(`http mode takes requests in pieces of any size (${engine})`, async () => {
    await using backend = await startHttp((request) => encodeAnswer(request.target + request.body));
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    const chunked = "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
      encodeChunks(["def", "g"], ["A: b"]);
    const requests = encodeRequest("/a") + "\r\n" +
      encodeRequest("/b", { method: "POST", body: "abc" }) + chunked;
    for (const size of [1, 2, 7, 50]) {
      for (let at = 0; at < requests.length; at += size) {
        await client.write(requests.slice(at, at + size));
      }
      for (const body of ["/a", "/babc", "/cdefg"]) {
        assert.equal((await readAnswer(client)).body, body, `in pieces of ${size}`);
      }
    }
  });

  Deno.test(`http mode answers pipelined requests in order (${engine})`, async () => {
    await using backend = await startHttp((request) =>
      encodeAnswer(request.method === "HEAD" ? "" : `${request.method} ${request.target}`)
    );
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    const METHODS = ["GET", "POST", "HEAD", "DELETE"];
    const requests = Array.from({ length: 40 }, (_, index) => {
      const method = METHODS[index % METHODS.length] ?? "";
      return { method, target: `/${index}`, body: method === "POST" ? "x".repeat(index) : "" };
    });
    await client.write(requests.map((r) => encodeRequest(r.target, r)).join(""));
    for (const { method, target } of requests) {
      const answer = await readAnswer(client, { method });
      assert.equal(answer.body, method === "HEAD" ? "" : `${method} ${target}`);
    }
    assert.deepEqual(backend.requests.map(({ body }) => body), requests.map(({ body }) => body));
    assert.equal(backend.connections.length, 1);
  });

  Deno.test(`http mode passes bodies on with their framing (${engine})`, async () => {
    await using backend = await startHttp((request) =>
      encodeAnswer(
        createHash("sha256").update(request.body, "latin1").digest("hex"),
        { fields: [`X-Framing: ${framingOf(request)}`] },
      )
    );
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const { ca } = await testCertificates();
    const body = randomBytes(1_500_000);
    const hash = createHash("sha256").update(body).digest("hex");
    // without `Expect:` curl would wait a second for a 100 Continue that nobody here sends
    const UPLOADS = [
      { framing: "length 1500000", args: ["--data-binary", "@-"] },
      // as it comes, so that nobody knows its length
      { framing: "chunked", args: ["-X", "POST", "-T", "-"] },
    ];
    for (const { framing, args } of UPLOADS) {
      const { stdout } = await run("curl", [
        ...["-sS", "-D", "-", "--cacert", ca, "-H", "Expect:", ...args],
        `https://localhost:${proxy.port}/`,
      ], { input: Uint8Array.from(body) });
      assert.match(stdout, new RegExp(`^X-Framing: ${framing}\r$`, "im"));
      assert.ok(stdout.endsWith(hash), stdout);
    }

    using client = await connectTls(proxy.port);
    await client.write(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nTrailer: A\r\n\r\n" +
        encodeChunks(
          [latin1(body.subarray(0, 70_000)), "x"],
          ["A: b", "X-Forwarded-For: 6.6.6.6", "Content-Length: 5"],
        ).replace("\r\n", ";extension=1\r\n"),
    );
    assert.equal((await readAnswer(client)).status, 200);
    assert.deepEqual(backend.requests.at(-1)?.trailers, [["A", "b"]]);
    assert.equal(backend.requests.at(-1)?.body.length, 70_001);
  });

  Deno.test(`http mode lets nothing of a malformed request through (${engine})`, async () => {
    await using backend = await startHttp(() => encodeAnswer("fine"));
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    for (const [name, status, template] of REFUSED) {
      const request = template.replace("H\r\n", "Host: localhost\r\n");
      const before = backend.requests.length;
      using client = await connectTls(proxy.port);
      await client.write(encodeRequest("/good") + request + encodeRequest("/smuggled"));
      assert.equal((await readAnswer(client)).body, "fine", name);
      const answer = await readAnswer(client);
      assert.equal(answer.status, status, `${name}: ${answer.body}`);
      assert.deepEqual(valuesOf(answer, "Connection"), ["close"], name);
      assert.equal(await client.readRest(), "", name);
      assert.deepEqual(backend.requests.slice(before).map(({ target }) => target), ["/good"], name);
    }
  });

  Deno.test(`http mode breaks a request off whose body is malformed (${engine})`, async () => {
    const got: string[] = [];
    await using backend = await startBackend(async (connection) => {
      got.push(await connection.readRest().catch(() => "broken off"));
    }, { brokenOff: true });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    for (const [name, body] of BROKEN_BODIES) {
      using client = await connectTls(proxy.port);
      await client.write(
        "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + body +
          encodeRequest("/smuggled"),
      );
      const answer = await readAnswer(client);
      assert.equal(answer.status, 400, name);
      assert.equal(await client.readRest(), "", name);
    }
    await backend.accepted(BROKEN_BODIES.length);
    await backend.allGone();
    assert.equal(got.length, BROKEN_BODIES.length);
    for (const bytes of got) assert.doesNotMatch(bytes, /smuggled|\r\n0\r\n/);
  });

  Deno.test(`http mode answers plain HTTP on its port as it can (${engine})`, async () => {
    await using backend = await startHttp();
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const body = "x".repeat(100_000);
    for (const args of [[], ["--data-binary", body]]) {
      const { code, stdout } = await run("curl", [
        ...["-sS", "-w", "%{http_code}", ...args, `http://127.0.0.1:${proxy.port}/`],
      ]);
      // what the `deno` engine does not see it cannot answer: it lacks "plain_http_answer"
      if (engine === "openssl") {
        assert.equal(code, 0);
        assert.match(stdout, /This port speaks HTTPS: use https:\/\/[^]*400$/);
      } else {
        assert.match(stdout, /000$/);
        assert.notEqual(code, 0);
      }
    }
    const [line] = await proxy.log.count(/ warning handshake failed /, 2);
    assert.match(line ?? "", engine === "openssl" ? /error=plain_http/ : /error=handshake_failed/);
    assert.equal(backend.connections.length, 0);
  });
}

function framingOf(request: SeenRequest): string {
  const [length] = valuesOf(request, "Content-Length");
  const [coding] = valuesOf(request, "Transfer-Encoding");
  return length === undefined ? String(coding) : `length ${length}`;
}
