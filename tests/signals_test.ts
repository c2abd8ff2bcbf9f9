import assert from "node:assert/strict";
import { startBackend, startEcho, startHeld, startHttp, unusedPort } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { ConfigFile } from "./support/config_file.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { eventually, pause, PROGRAM_MS, within } from "./support/deadline.ts";
import { BROKEN_OFF, lastWords } from "./support/engine_looks.ts";
import { encodeAnswer, encodeRequest, readAnswer, readRequest, valuesOf } from "./support/http.ts";
import { Lines } from "./support/lines.ts";
import { startNameServer } from "./support/name_server.ts";
import { ENGINES, proxyArgs, startProxyFor } from "./support/start_proxy.ts";
import { connectTcp, connectTls, connectTlsOver, openTcp } from "./support/tls_client.ts";

/** What a client needs who asks again after the drain began. */
const REFUSED = /refused|ECONNREFUSED/;

for (const engine of ENGINES) {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.test(`${signal} lets requests finish and refuses new connections (${engine})`, async () => {
      await using backend = await startHeld("x".repeat(100_000));
      await using proxy = await startProxyFor({ engine, backend: backend.address });
      using idle = await connectTls(proxy.port);
      using silent = await connectTcp(proxy.port);
      using busy = await connectTls(proxy.port);
      await busy.write(encodeRequest("/"));
      await backend.asked;
      await proxy.log.count(/ info handshake /, 2);

      proxy.signal(signal);
      await proxy.says.first(new RegExp(`^tls-proxy: ${signal}: draining, for at most 30 s; `));
      assert.equal(await idle.readRest(), "", "who asks for nothing is let go");
      await assert.rejects(connectTcp(proxy.port), REFUSED);

      backend.release();
      const answered = await readAnswer(busy);
      assert.equal(answered.body.length, 100_000);
      assert.deepEqual(valuesOf(answered, "Connection"), ["close"]);
      assert.equal(await busy.readRest(), "");
      const { code } = await within(proxy.status, "the proxy's end");
      assert.equal(code, 0);
      await silent.untilGone();
      await proxy.says.first(
        /^tls-proxy: served 2 connections and 1 request, 1 failed handshake, /,
      );
    });
  }

  Deno.test(`SIGTERM lets an upload go on to its end (${engine})`, async () => {
    await using backend = await startHttp((request) => encodeAnswer(String(request.body.length)));
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    using begun = await connectTls(proxy.port);
    const head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n";
    await client.write(head + "hello");
    await backend.accepted(1);
    // the answer to the first says that the beginning of the second has come
    await begun.write(encodeRequest("/") + "GET / HTTP/1.1\r\nHo");
    assert.equal((await readAnswer(begun)).status, 200);
    proxy.signal("SIGTERM");
    await proxy.says.first(/SIGTERM: draining/);
    await client.write("world");
    assert.equal((await readAnswer(client)).body, "10");
    await begun.write("st: a\r\n\r\n");
    assert.equal((await readAnswer(begun)).status, 200);
    assert.equal((await within(proxy.status, "the proxy's end")).code, 0);
  });

  Deno.test(`SIGTERM serves who has just come (${engine})`, async () => {
    await using backend = await startHttp();
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const arriving = await openTcp(proxy.port);
    const [older, newer] = [await connectTls(proxy.port), await connectTls(proxy.port, ["h2"])];
    // all three are accepted by now
    await proxy.log.count(/ info handshake /, 2);
    proxy.signal("SIGTERM");
    await proxy.says.first(/SIGTERM: draining/);
    const { connection } = await connectTlsOver(arriving);
    for (const client of [connection, older]) {
      using one = client;
      await one.write(encodeRequest("/"));
      const answered = await readAnswer(one);
      assert.equal(answered.status, 200);
      assert.deepEqual(valuesOf(answered, "Connection"), ["close"]);
      assert.equal(await one.readRest(), "");
    }
    using _ = newer;
    assert.equal((await within(proxy.status, "the proxy's end")).code, 0);
    await proxy.says.first(/^tls-proxy: served 3 connections and 2 requests, /);
  });

  Deno.test(`SIGTERM lets tcp connections go on (${engine})`, async () => {
    await using echo = await startEcho();
    const mode = "tcp";
    await using proxy = await startProxyFor({ engine, mode, backend: echo.address });
    using client = await connectTls(proxy.port);
    await client.write("a");
    await client.readText(1);
    proxy.signal("SIGTERM");
    await proxy.says.first(/SIGTERM: draining/);
    await client.write("bcd");
    assert.equal(await client.readText(3), "bcd");
    await client.end();
    assert.equal(await client.readRest(), "");
    assert.equal((await within(proxy.status, "the proxy's end")).code, 0);
  });

  Deno.test(`a second signal ends the proxy at once (${engine})`, async () => {
    const CODES = [["SIGTERM", 143], ["SIGINT", 130]] as const;
    for (const [second, code] of CODES) {
      await using backend = await startBackend(async (connection) => {
        await readRequest(connection);
        await connection.untilGone();
      }, { brokenOff: true });
      await using proxy = await startProxyFor({ engine, backend: backend.address });
      using client = await connectTls(proxy.port);
      await client.write(encodeRequest("/"));
      await backend.accepted(1);
      proxy.signal("SIGTERM");
      await proxy.says.first(/SIGTERM: draining/);
      proxy.signal(second);
      const status = await within(proxy.status, "the proxy's end", 15_000);
      assert.equal(status.code, code);
      await client.untilGone();
    }
  });

  Deno.test(`SIGHUP, SIGUSR1 and SIGUSR2 leave the proxy serving (${engine})`, async () => {
    await using backend = await startHttp();
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    for (const signal of ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGHUP"] as const) {
      proxy.signal(signal);
      using client = await connectTls(proxy.port);
      await client.write(encodeRequest("/"));
      assert.equal((await readAnswer(client)).status, 200);
    }
    await proxy.says.first(/^tls-proxy: reloaded \(SIGHUP\): nothing has changed$/);
  });
}

for (const workers of [1, 2]) {
  Deno.test(`what the drain time cuts off does not look complete (workers: ${workers})`, async () => {
    const { promise: heard, resolve: hear } = Promise.withResolvers<string>();
    await using backend = await startBackend(async (connection) => {
      await connection.readText(4);
      await connection.write("heard");
      hear(await lastWords(connection));
    }, { brokenOff: true });
    await using proxy = await startConfigured({
      mode: "tcp",
      backends: { default: backend.address },
      settings: { workers, timeouts: { drain: "100ms" } },
    });
    using client = await connectTls(proxy.port);
    await client.write("some");
    await client.readText(5);
    proxy.signal("SIGTERM");
    assert.equal(await within(heard, "the end of what was sent"), BROKEN_OFF);
    assert.equal((await within(proxy.status, "the proxy's end")).code, 0);
  });
}

for (const engine of ENGINES) {
  Deno.test(`a stop waits for no connection to a server beyond the drain time (${engine})`, async () => {
    // whose part of the handshake is waited for
    await using silent = await startBackend((connection) => connection.untilGone());
    const { ca } = await testCertificates();
    const slow = { servers: [silent.address], tls: { ca }, timeouts: { connect: "1h" } };
    await using proxy = await startConfigured({
      mode: "tcp",
      engine,
      backends: { slow },
      settings: { timeouts: { drain: "100ms" } },
    });
    using _client = await connectTls(proxy.port);
    await silent.accepted(1);
    proxy.signal("SIGTERM");
    assert.equal((await within(proxy.status, "the proxy's end")).code, 0);
    await proxy.log.first(/ warning end .*how="draining: /);
  });
}

Deno.test("a tunnel without TLS that the drain time cuts off does not look complete to its client", async () => {
  await using backend = await startBackend(async (connection) => {
    await readRequest(connection);
    await connection.write("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n");
    await connection.readRest();
  }, { brokenOff: true });
  await using proxy = await startConfigured({
    backends: { default: backend.address },
    settings: {
      listeners: [{ listen: "127.0.0.1:0", tls: false }],
      certificates: [],
      timeouts: { drain: "100ms" },
    },
  });
  using client = await connectTcp(proxy.port);
  await client.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n");
  await client.readUntil("\r\n\r\n");
  const end = lastWords(client);
  proxy.signal("SIGTERM");
  assert.equal(await within(end, "the tunnel's end"), BROKEN_OFF);
});

Deno.test("SIGHUP amid a stop, up to its end, leaves it a clean one", async () => {
  await using backend = await startHttp(() => encodeAnswer("never asked"));
  await using proxy = await startConfigured({
    backends: { app: backend.address },
    settings: { workers: 2 },
  });
  let over = false;
  const ended = proxy.status.finally(() => over = true);
  proxy.signal("SIGTERM");
  while (!over) {
    try {
      proxy.signal("SIGHUP");
    } catch {
      // it has just ended
    }
    await pause(1);
  }
  const { code, signal } = await within(ended, "the proxy's end");
  assert.deepEqual({ code, signal }, { code: 0, signal: null });
  await proxy.says.first(/^tls-proxy: served 0 connections and 0 requests, /);
});

Deno.test("SIGTERM ends a proxy that is still waiting for something to start with", async () => {
  await using names = await startNameServer({ a: "silent", aaaa: "silent" });
  const { ec } = await testCertificates();
  await using config = await ConfigFile.create(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends:
  app: { servers: ["dns:app.test:80"], dns: { server: "${names.address}", timeout: 1h } }
routes: [{ backend: app }]
`);
  const { child, says } = startUnserved(config);
  const isAsked = () => names.questions > 0 || undefined;
  await eventually(isAsked, "its question", PROGRAM_MS);
  child.kill("SIGTERM");
  const { code } = await within(child.status, "the proxy's end");
  assert.equal(code, 0);
  await says.first(/^tls-proxy: SIGTERM: stopped before it served$/);
  await says.ended;
});

Deno.test("SIGTERM lets a client finish that has come while the proxy waits for its Redis", async () => {
  // it takes connections, and says nothing
  await using redis = await startBackend((connection) => connection.untilGone(), {
    brokenOff: true,
  });
  await using backend = await startHeld("in time");
  const port = await unusedPort();
  const { ec } = await testCertificates();
  await using config = await ConfigFile.create(`
listeners: [{ listen: "127.0.0.1:${port}" }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { app: { servers: ["${backend.address}"] } }
routes: [{ backend: app }]
cluster: { redis: "${redis.address}" }
`);
  const { child, says } = startUnserved(config);
  const connect = () => connectTls(port).catch(() => undefined);
  using client = await eventually(connect, "the proxy to listen", PROGRAM_MS);
  await client.write(encodeRequest("/"));
  await within(backend.asked, "the request at the backend");
  // it is connected to once all workers listen, of which one may serve before another does
  await redis.accepted(1);
  child.kill("SIGTERM");
  await says.first(/^tls-proxy: SIGTERM: draining/);
  backend.release();
  assert.equal((await readAnswer(client)).status, 200);
  assert.equal((await within(child.status, "the proxy's end")).code, 0);
  await says.ended;
});

Deno.test("SIGTERM lets a client finish that has come before all workers listen", async () => {
  await using backend = await startHeld("in time");
  const port = await unusedPort();
  await using config = await ConfigFile.create(`
listeners: [{ listen: "127.0.0.1:${port}", tls: false }]
backends: { app: { servers: ["${backend.address}"] } }
routes: [{ backend: app }]
workers: 2
`);
  const hold = `${config.folder}/hold`;
  await Deno.writeTextFile(hold, "worker 1");
  const { child, says } = startUnserved(config, "tests/support/mortal_proxy.ts");
  const connect = () => connectTcp(port).catch(() => undefined);
  using client = await eventually(connect, "the first worker to listen", PROGRAM_MS);
  await client.write(encodeRequest("/"));
  await within(backend.asked, "the request at the backend");
  child.kill("SIGTERM");
  await Deno.remove(hold);
  await says.first(/^tls-proxy: SIGTERM: draining/);
  backend.release();
  assert.equal((await readAnswer(client)).status, 200);
  assert.equal((await within(child.status, "the proxy's end")).code, 0);
  await says.ended;
});

/** Starts a proxy that is not waited for, as it may never serve. */
function startUnserved(config: ConfigFile, program = "main.ts") {
  const args = proxyArgs(["--config", config.path]);
  const child = new Deno.Command(Deno.execPath(), {
    args: args.map((arg) => arg.replace(/main\.ts$/, program)),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  return { child, says: new Lines(child.stderr) };
}
