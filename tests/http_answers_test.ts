import assert from "node:assert/strict";
import { startBackend, startHttp } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import {
  encodeAnswer,
  encodeChunks,
  encodeRequest,
  readAnswer,
  readRequest,
  readRequestHead,
  type SeenAnswer,
  valuesOf,
} from "./support/http.ts";
import { ENGINES, startProxyFor } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";
import { run, runOk } from "./support/tools.ts";

interface AnswerCase {
  readonly name: string;
  readonly method?: string;
  /** What the backend sends, and whether it ends the connection behind it. */
  readonly sent: string;
  readonly closes?: true;
  readonly seen: Pick<SeenAnswer, "status" | "framing" | "body">;
  /** Content-Length as the client sees it. */
  readonly length?: string;
}

/** Answers of every framing (RFC 9112, section 6.3), and what an HTTP/1.1 client gets of each. */
const ANSWERS: readonly AnswerCase[] = [
  {
    name: "a length",
    sent: encodeAnswer("abc"),
    seen: { status: 200, framing: "length", body: "abc" },
    length: "3",
  },
  {
    name: "no bytes",
    sent: encodeAnswer(""),
    seen: { status: 200, framing: "length", body: "" },
    length: "0",
  },
  {
    name: "an error with a body",
    sent: encodeAnswer("gone", { status: 404 }),
    seen: { status: 404, framing: "length", body: "gone" },
    length: "4",
  },
  {
    name: "chunks",
    sent: `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${encodeChunks(["ab", "c"])}`,
    seen: { status: 200, framing: "chunked", body: "abc" },
  },
  {
    name: "no chunk",
    sent: `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${encodeChunks([])}`,
    seen: { status: 200, framing: "chunked", body: "" },
  },
  {
    name: "a body until the end",
    sent: "HTTP/1.1 200 OK\r\n\r\nabc",
    closes: true,
    seen: { status: 200, framing: "chunked", body: "abc" },
  },
  {
    name: "an HTTP/1.0 server's length",
    sent: "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc",
    closes: true,
    seen: { status: 200, framing: "length", body: "abc" },
    length: "3",
  },
  {
    name: "an HTTP/1.0 server's body until the end",
    sent: "HTTP/1.0 200 OK\r\n\r\nabc",
    closes: true,
    seen: { status: 200, framing: "chunked", body: "abc" },
  },
  {
    name: "an answer without a reason",
    sent: "HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\na",
    seen: { status: 200, framing: "length", body: "a" },
    length: "1",
  },
  // what servers get wrong and every peer takes
  ...[600, 999].map((status) => ({
    name: `status ${status}`,
    sent: encodeAnswer("abc", { status }),
    seen: { status, framing: "length", body: "abc" },
    length: "3",
  } as const)),
  {
    name: "blanks behind chunk sizes",
    sent: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0  \r\n\r\n",
    seen: { status: 200, framing: "chunked", body: "abc" },
  },
  {
    name: "one length twice",
    sent: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    seen: { status: 200, framing: "length", body: "abc" },
    length: "3",
  },
  {
    name: "a folded field and a blank before a colon",
    sent: "HTTP/1.1 200 OK\r\nContent-Length : 3\r\nA: b\r\n c\r\n\r\nabc",
    seen: { status: 200, framing: "length", body: "abc" },
    length: "3",
  },
  {
    name: "HEAD with a length",
    method: "HEAD",
    sent: "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
    seen: { status: 200, framing: "none", body: "" },
    length: "1000",
  },
  {
    name: "HEAD without a length",
    method: "HEAD",
    sent: "HTTP/1.1 200 OK\r\n\r\n",
    seen: { status: 200, framing: "none", body: "" },
  },
  {
    name: "204",
    sent: "HTTP/1.1 204 No Content\r\n\r\n",
    seen: { status: 204, framing: "none", body: "" },
  },
  {
    name: "304 with the length of what it stands for",
    sent: "HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: x\r\n\r\n",
    seen: { status: 304, framing: "none", body: "" },
    length: "1000",
  },
];

for (const engine of ENGINES) {
  Deno.test(`http mode gives answers of every framing to HTTP/1.1 (${engine})`, async () => {
    let next: AnswerCase | undefined;
    await using backend = await startBackend(async (connection) => {
      while (await readRequest(connection) !== undefined && next !== undefined) {
        await connection.write(next.sent);
        if (next.closes) return;
      }
    });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    // all on one connection: what one answer leaves behind would show in the next
    for (next of [...ANSWERS, ...ANSWERS]) {
      const { name, method = "GET", seen, length } = next;
      await client.write(encodeRequest("/", { method }));
      const answer = await readAnswer(client, { method });
      const { status, framing, body, version } = answer;
      assert.deepEqual({ status, framing, body, version }, { ...seen, version: "HTTP/1.1" }, name);
      assert.deepEqual(valuesOf(answer, "Content-Length"), length === undefined ? [] : [length]);
      assert.deepEqual(valuesOf(answer, "Connection"), [], name);
    }
  });

  Deno.test(`http mode gives answers of every framing to HTTP/1.0 (${engine})`, async () => {
    let next: AnswerCase | undefined;
    await using backend = await startBackend(async (connection) => {
      while (await readRequest(connection) !== undefined && next !== undefined) {
        await connection.write(next.sent);
        if (next.closes) return;
      }
    });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    for (next of ANSWERS) {
      const { name, method = "GET", seen } = next;
      for (const keepAlive of [false, true]) {
        using client = await connectTls(proxy.port);
        const connection = keepAlive ? "Connection: keep-alive\r\n" : "";
        await client.write(`${method} / HTTP/1.0\r\n${connection}\r\n`);
        const answer = await readAnswer(client, { method });
        const framing = seen.framing === "chunked" ? "until_close" : seen.framing;
        assert.equal(answer.framing, framing, name);
        assert.equal(answer.body, seen.body, name);
        const stays = keepAlive && framing !== "until_close";
        assert.deepEqual(valuesOf(answer, "Connection"), [stays ? "keep-alive" : "close"], name);
        if (!stays) assert.equal(await client.readRest(), "", name);
      }
    }
  });

  Deno.test(`http mode keeps hop-by-hop fields of a server to itself (${engine})`, async () => {
    await using backend = await startHttp(() =>
      encodeAnswer("", {
        fields: [
          ...["Connection: X-Hop", "X-Hop: 1", "Keep-Alive: timeout=5", "Proxy-Authenticate: x"],
          ...["Set-Cookie: a=1", "Set-Cookie: b=2", "Upgrade: h2c", "X-Byte: caf\xe9"],
        ],
      })
    );
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    await client.write(encodeRequest("/"));
    const { fields } = await readAnswer(client);
    assert.deepEqual(fields.filter(([name]) => name !== "Date"), [
      ...[["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"], ["X-Byte", "caf\xe9"]],
      ["Content-Length", "0"],
    ]);
  });

  Deno.test(`http mode tells the time where an answer does not (${engine})`, async () => {
    const fields: string[] = [];
    await using backend = await startHttp(() => encodeAnswer("x", { fields }));
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    const dates = async (request: string, method = "GET") => {
      await client.write(request);
      return valuesOf(await readAnswer(client, { method }), "Date");
    };
    // servers', of which the second is known by heart, and ours
    for (const request of [encodeRequest("/"), encodeRequest("/"), "GET / HTTP/1.1\r\n\r\n"]) {
      const [date, ...more] = await dates(request);
      assert.match(date ?? "", /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/);
      assert.ok(Math.abs(Date.now() - Date.parse(date ?? "")) < 60_000, String(date));
      assert.equal(more.length, 0);
    }
    using other = await connectTls(proxy.port);
    const theirs = "Sun, 06 Nov 1994 08:49:37 GMT";
    fields.push(`Date: ${theirs}`);
    await other.write(encodeRequest("/"));
    assert.deepEqual(valuesOf(await readAnswer(other), "Date"), [theirs]);
  });

  Deno.test(`http mode keeps what a 407 and a 426 ask the client for (${engine})`, async () => {
    await using backend = await startHttp(({ target }) =>
      encodeAnswer("x", {
        status: Number(target.slice(1)),
        fields: [
          ...["Connection: Upgrade", "Upgrade: TLS/1.3"],
          ...["Proxy-Authenticate: Basic", "Keep-Alive: timeout=5"],
        ],
      })
    );
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    const asked = async (status: number) => {
      await client.write(encodeRequest(`/${status}`));
      const answer = await readAnswer(client);
      return ["Proxy-Authenticate", "Connection", "Upgrade", "Keep-Alive"].map((name) =>
        valuesOf(answer, name).join()
      );
    };
    assert.deepEqual(await asked(407), ["Basic", "", "", ""]);
    assert.deepEqual(await asked(426), ["", "upgrade", "TLS/1.3", ""]);
    assert.deepEqual(await asked(401), ["", "", "", ""]);
  });

  Deno.test(`http mode passes trailers on (${engine})`, async () => {
    await using backend = await startHttp(() =>
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
      encodeChunks(["abc"], ["X-Sum: 1", "Connection: close", "Content-Length: 5"])
    );
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    await client.write(encodeRequest("/"));
    assert.deepEqual((await readAnswer(client)).trailers, [["X-Sum", "1"]]);
  });

  Deno.test(`trailers that Connection names go no further (${engine})`, async () => {
    const lines = ["Transfer-Encoding: chunked", "Connection: keep-alive, x-hop", "", ""];
    const message = lines.join("\r\n") + encodeChunks(["abc"], ["X-Sum: 1", "X-HOP: 2"]);
    await using backend = await startHttp(() => `HTTP/1.1 200 OK\r\n${message}`);
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    await client.write(`POST / HTTP/1.1\r\nHost: a\r\n${message}`);
    assert.deepEqual((await readAnswer(client)).trailers, [["X-Sum", "1"]]);
    assert.deepEqual(backend.requests.at(-1)?.trailers, [["X-Sum", "1"]]);
  });

  Deno.test(`http mode passes 100 Continue on before the body is sent (${engine})`, async () => {
    const events: string[] = [];
    await using backend = await startBackend(async (connection) => {
      await readRequestHead(connection);
      events.push("head");
      await connection.write("HTTP/1.1 100 Continue\r\n\r\n");
      assert.equal(await connection.readText(5), "hello");
      events.push("body");
      await connection.write(encodeAnswer("done"));
    });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    const head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    await client.write(head);
    const answer = await readAnswer(client, {
      onInterim: async () => {
        events.push("continue");
        await client.write("hello");
      },
    });
    assert.equal(answer.body, "done");
    assert.deepEqual(events, ["head", "continue", "body"]);

    // curl waits a second for 100 Continue: with it, there is nothing to wait for
    const { ca } = await testCertificates();
    const { stdout } = await run("curl", [
      ...["-sS", "-w", " %{time_total}", "--cacert", ca, "-H", "Expect: 100-continue"],
      ...[
        "--expect100-timeout",
        "20",
        "--data-binary",
        "hello",
        `https://localhost:${proxy.port}/`,
      ],
    ]);
    assert.match(stdout, /^done \d+\.\d+$/);
    assert.ok(Number(stdout.split(" ")[1]) < 15, stdout);
  });

  Deno.test(`http mode passes early hints on, not to HTTP/1.0 (${engine})`, async () => {
    const HINTS = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\n\r\n";
    await using backend = await startHttp(() => HINTS + HINTS + encodeAnswer("done"));
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    await client.write(encodeRequest("/"));
    const answer = await readAnswer(client);
    assert.equal(answer.body, "done");
    const hint = { status: 103, fields: [["Link", "</a>"]] };
    assert.deepEqual(answer.interim, [hint, hint]);
    await client.write("GET / HTTP/1.0\r\n\r\n");
    assert.deepEqual((await readAnswer(client)).interim, []);
  });

  Deno.test(`http mode uses a backend's connections again (${engine})`, async () => {
    await using backend = await startHttp((_, connection) =>
      encodeAnswer(String(backend.connections.indexOf(connection)))
    );
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    for (let i = 0; i < 5; i++) {
      using client = await connectTls(proxy.port);
      for (let j = 0; j < 5; j++) {
        await client.write(encodeRequest("/"));
        assert.equal((await readAnswer(client)).body, "0");
      }
    }
    assert.equal(backend.requests.length, 25);
    assert.equal(backend.connections.length, 1);
  });

  Deno.test(`http mode uses no connection again that its server ends (${engine})`, async () => {
    await using backend = await startBackend(async (connection) => {
      await readRequest(connection);
      await connection.write(encodeAnswer("x", { fields: ["Connection: close"] }));
      // it says that it closes, and takes its time
      await connection.readRest();
    });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    for (let i = 0; i < 3; i++) {
      await client.write(encodeRequest("/", { method: "POST", body: "x" }));
      assert.equal((await readAnswer(client)).status, 200);
    }
    assert.equal(backend.connections.length, 3);
  });

  Deno.test(`http mode serves curl in every version it speaks (${engine})`, async () => {
    await using backend = await startHttp(() => encodeAnswer("hello"));
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const { ca } = await testCertificates();
    const url = `https://localhost:${proxy.port}/`;
    for (const args of [["--http1.0"], ["--http1.1"], ["--http2"], ["--no-alpn"], ["-4"]]) {
      assert.equal(await runOk("curl", ["-sS", "--cacert", ca, ...args, url]), "hello");
    }
    const head = await runOk("curl", ["-sS", "-I", "--cacert", ca, url]);
    assert.match(head, /^HTTP\/(?:1\.1|2) 200 .*\r\nContent-Length: 5\r\n/i);
    const twice = await run("curl", ["-sS", "-v", "--cacert", ca, url, url]);
    assert.equal(twice.stdout, "hellohello");
    assert.match(twice.stderr, /Re-using existing (\w+: )?connection/);
  });
}
