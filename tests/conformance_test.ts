import assert from "node:assert/strict";
import type { Capability, EngineName } from "../lib/tls/engine.ts";
import { startBackend, startEcho, startHttp } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { eventually } from "./support/deadline.ts";
import { encodeAnswer, encodeRequest, readAnswer } from "./support/http.ts";
import {
  ENGINE_CAN,
  ENGINES,
  NotStarted,
  startProxy,
  startProxyFor,
} from "./support/start_proxy.ts";
import { connectNodeTls, connectTcp, connectTls, openTls } from "./support/tls_client.ts";
import { run } from "./support/tools.ts";

/**
 * What both engines must do alike, through the running proxy. Half-close, 100 MB, breaking off and
 * back-pressure have tests of their own beside this, over both engines too.
 */

/** What an engine cannot do, and what happens then; each is shown below or in the test named. */
const LACKS: Readonly<Record<EngineName, Partial<Record<Capability, string>>>> = {
  node: {
    truncation_seen: "an end without close_notify looks like an end",
  },
  deno: {
    protocol_facts: "the log has protocol=- cipher=- resumed=- (log_test)",
    sni_facts: "the log has sni=-; a tcp listener that routes by name is refused",
    certificates_by_name: "a second certificate is refused",
    min_version: "refused",
    strict_sni: "refused",
    plain_http_answer: "plain HTTP is cut off like other garbage (http_requests_test)",
    truncation_shown: "a connection that breaks off ends like a clean one (tcp_mode_test)",
  },
};

Deno.test("the engines can do what this suite holds them to, and nothing is left out", () => {
  const all = new Set([...ENGINE_CAN.node, ...ENGINE_CAN.deno]);
  for (const engine of ENGINES) {
    const lacks = Object.keys(LACKS[engine]).sort();
    assert.deepEqual([...all.difference(ENGINE_CAN[engine])].sort(), lacks, engine);
  }
});

for (const engine of ENGINES) {
  const can = ENGINE_CAN[engine];

  Deno.test(`ALPN: http/1.1 is agreed on, or nothing where the client offers none (${engine})`, async () => {
    await using backend = await startHttp();
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const cases: [offered: string[] | undefined, agreed: string | null][] = [
      [["h2", "http/1.1"], "http/1.1"],
      [["http/1.0"], "http/1.0"],
      [["http/1.1"], "http/1.1"],
      [undefined, null],
    ];
    for (const [offered, agreed] of cases) {
      using conn = await openTls(proxy.port, offered);
      assert.equal((await conn.handshake()).alpnProtocol ?? null, agreed, String(offered));
    }
  });

  Deno.test(`ALPN: a client that offers only what is not spoken here is told so (${engine})`, async () => {
    await using backend = await startHttp();
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const args = ["s_client", "-connect", `127.0.0.1:${proxy.port}`, "-alpn", "h2"];
    const { code, stderr } = await run("openssl", args, { input: "" });
    assert.notEqual(code, 0);
    assert.match(stderr, /no application protocol/);
  });

  for (const version of ["-tls1_2", "-tls1_3"]) {
    Deno.test(`a session is resumed (${version}, ${engine})`, async () => {
      await using backend = await startHttp();
      await using proxy = await startProxyFor({ engine, backend: backend.address });
      const session = await Deno.makeTempFile();
      try {
        const connect = ["s_client", "-connect", `127.0.0.1:${proxy.port}`, version, "-ign_eof"];
        // the tickets of TLS 1.3 come behind the handshake: the answer says that they are here
        const input = encodeRequest("/", { fields: ["Connection: close"] });
        const first = await run("openssl", [...connect, "-sess_out", session], { input });
        assert.match(first.stdout, /^New, TLSv1\.[23], /m);
        const second = await run("openssl", [...connect, "-sess_in", session], { input });
        assert.match(second.stdout, /^Reused, TLSv1\.[23], /m);
        assert.match(second.stdout, /hello/);
        const lines = await proxy.log.count(/ info handshake /, 2);
        const shown = lines.map((line) => / resumed=(\S+) /.exec(line)?.[1]);
        assert.deepEqual(shown, can.has("protocol_facts") ? ["no", "yes"] : ["-", "-"]);
      } finally {
        await Deno.remove(session);
      }
    });
  }

  Deno.test(`kept-alive answers of 20 KiB do not wait for acknowledgements (${engine})`, async () => {
    const body = "x".repeat(20 * 1024);
    await using backend = await startHttp(() => encodeAnswer(body));
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    let stalls = 0;
    for (let i = 0; i < 200; i++) {
      const started = performance.now();
      await client.write(encodeRequest("/"));
      assert.equal((await readAnswer(client)).body.length, body.length);
      if (performance.now() - started > STALL_MS) stalls++;
    }
    // Nagle's algorithm stalls every one of them; a busy machine now and then one
    assert.ok(stalls < 20, `${stalls} of 200 answers took more than ${STALL_MS} ms`);
  });

  Deno.test(`bodies of any size follow each other on a connection (${engine})`, async () => {
    await using backend = await startHttp(({ target, body }) =>
      target === "/up"
        ? encodeAnswer(String(body.length))
        : encodeAnswer("y".repeat(+target.slice(1)))
    );
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    for (const size of [0, 1, 16_383, 16_384, 16_385, 65_536, 3_000_000, 5]) {
      await client.write(encodeRequest(`/${size}`));
      assert.equal((await readAnswer(client)).body.length, size);
      await client.write(encodeRequest("/up", { method: "POST", body: "z".repeat(size) }));
      assert.equal((await readAnswer(client)).body, String(size));
    }
    assert.equal(backend.connections.length, 1);
  });

  Deno.test(`an end without close_notify is ${can.has("truncation_seen") ? "" : "not "}told from an end (${engine})`, async () => {
    await using backend = await startBackend(async (connection) => {
      await connection.write("a");
      await connection.readUntil("b");
      await connection.untilGone();
    });
    await using proxy = await startProxyFor({ engine, mode: "tcp", backend: backend.address });
    const { connection, socket } = await connectNodeTls(proxy.port);
    await connection.readUntil("a");
    await connection.write("b");
    // the TCP socket beneath ends, and TLS says nothing
    rawSocketOf(socket).end();
    const [, how = ""] = await proxy.log.first(/ info end .*how=(.*)$/);
    assert.match(how, can.has("truncation_seen") ? /^"client_gone: / : /^done$/);
    await backend.allGone();
  });

  Deno.test(`what is no handshake ends alone, and the next client is served (${engine})`, async () => {
    await using echo = await startEcho();
    await using proxy = await startProxyFor({ engine, mode: "tcp", backend: echo.address });
    const GARBAGE = [
      "",
      "\0",
      "\x16\x03\x01\xff\xff",
      "\x16\x03\x01\0\x05hello",
      "x".repeat(70_000),
    ];
    for (const [index, bytes] of GARBAGE.entries()) {
      const garbage = await connectTcp(proxy.port);
      await garbage.write(bytes);
      await garbage.end();
      await garbage.untilGone();
      await proxy.log.count(/ warning handshake failed /, index + 1);
      using client = await connectTls(proxy.port);
      await client.write("ping");
      assert.equal(await client.readText(4), "ping");
    }
    const reset = await connectTcp(proxy.port);
    reset.reset();
    using client = await connectTls(proxy.port);
    await client.write("ping");
    assert.equal(await client.readText(4), "ping");
  });

  Deno.test(`a client that does not finish its handshake is cut off (${engine})`, async () => {
    await using echo = await startEcho();
    await using config = await configFile(engine, {
      backend: echo.address,
      more: "timeouts: { handshake: 300ms }",
    });
    await using proxy = await startProxy(["--config", config.path]);
    for (const bytes of ["", "\x16\x03\x01\x02\0\x01"]) {
      using silent = await connectTcp(proxy.port);
      await silent.write(bytes);
      await silent.untilGone();
    }
    await proxy.log.count(/ handshake failed .*error=handshake_timeout /, 2);
    using client = await connectTls(proxy.port);
    await client.write("ping");
    assert.equal(await client.readText(4), "ping");
  });

  Deno.test(`a client that takes nothing is cut off, and its socket freed (${engine})`, async () => {
    await using backend = await startBackend(async (connection) => {
      const more = "x".repeat(1_000_000);
      for (;;) await connection.write(more);
    }, { brokenOff: true });
    await using config = await configFile(engine, {
      backend: backend.address,
      more: "timeouts: { tunnel_idle: 500ms }",
    });
    await using proxy = await startProxy(["--config", config.path]);
    using _first = await openTls(proxy.port);
    await proxy.log.first(/ info end .*how="idle_timeout: /);
    const atRest = await proxy.openFiles();
    const stuck = await Promise.all([1, 2, 3].map(() => openTls(proxy.port)));
    await proxy.log.count(/ info end .*how="idle_timeout: /, 4);
    await eventually(
      async () => await proxy.openFiles() <= atRest || undefined,
      "the sockets of clients that take nothing to be closed",
    );
    for (const conn of stuck) conn.close();
  });

  const REFUSED: [Capability, tls: string, more: string, why: RegExp][] = [
    ["strict_sni", "strict_sni: true", "", /strict_sni/],
    ["min_version", 'min_version: "1.3"', "", /min_version/],
    ["sni_facts", "", "routes: [{ hosts: [a.test], backend: b }]", /routed by SNI \(sni_facts\)/],
  ];
  for (const [capability, tls, more, why] of REFUSED) {
    Deno.test(`${capability}: ${can.has(capability) ? "can be asked for" : "is refused"} (${engine})`, async () => {
      await using config = await configFile(engine, { backend: "127.0.0.1:9", tls, more });
      const starting = startProxy(["--config", config.path]);
      if (can.has(capability)) return void await (await starting)[Symbol.asyncDispose]();
      const error = await starting.then(() => undefined, (error) => error);
      assert.ok(error instanceof NotStarted);
      assert.equal(error.code, 1);
      assert.match(error.says.join("\n"), why);
    });
  }
}

/** Nagle's algorithm waits 40 ms for the acknowledgement. */
const STALL_MS = 35;

/** A configuration in tcp mode, as a file. */
async function configFile(
  engine: EngineName,
  { backend, tls = "", more = "" }: { backend: string; tls?: string; more?: string },
): Promise<{ path: string } & AsyncDisposable> {
  const { ec } = await testCertificates();
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  const routes = more.startsWith("routes") ? "" : "routes: [{ backend: b }]";
  await Deno.writeTextFile(
    path,
    `listeners:
  - { listen: "127.0.0.1:0", mode: tcp, engine: ${engine}, tls: { ${tls} } }
certificates:
  - { cert: ${ec.cert}, key: ${ec.key} }
backends: { b: { servers: ["${backend}"] } }
${routes}
${more}
`,
  );
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path) };
}

/** What `connectNodeTls` has put TLS upon. */
function rawSocketOf(socket: object): { end(): void } {
  const raw = "_parent" in socket ? socket._parent : undefined;
  assert.ok(typeof raw === "object" && raw !== null && "end" in raw);
  return raw as { end(): void };
}
