import assert from "node:assert/strict";
import { startBackend } from "./support/backends.ts";
import { FAST_CHECKS, startConfigured } from "./support/configured_proxy.ts";
import { encodeAnswer, encodeRequest, readAnswer, readRequest } from "./support/http.ts";
import { askAll, startNamedServer } from "./support/named_server.ts";
import { connectTls } from "./support/tls_client.ts";

const LARGE = encodeAnswer("large", { fields: [`A: ${"a".repeat(20_000)}`] });
const MANY = encodeAnswer("many", { fields: Array(120).fill("A: b") });

/** What a server does instead of answering well, by the target it is asked for. */
const FAULTS: Readonly<Record<string, string>> = {
  "/large": LARGE,
  "/many": MANY,
  "/cut": encodeAnswer("x").replace("Content-Length: 1", "Content-Length: 100"),
  "/trailers": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
    `1\r\nx\r\n0\r\nA: ${"a".repeat(20_000)}\r\n\r\n`,
  "/silent": "",
  "/garbage": "garbage\r\n\r\n",
};

/** A server that does so, and closes, and answers all else with its name. */
function startFaulty(name: string) {
  return startBackend(async (connection) => {
    for (let request; (request = await readRequest(connection)) !== undefined;) {
      const fault = FAULTS[request.target];
      await connection.write(fault ?? encodeAnswer(name));
      if (fault !== undefined) return;
    }
  }, { brokenOff: true });
}

async function ask(port: number, target: string) {
  using client = await connectTls(port);
  await client.write(encodeRequest(target));
  return await readAnswer(client);
}

Deno.test("a backend has limits of its own for answers' heads, and whoever meets one is told which", async () => {
  await using server = await startFaulty("fine");
  const wide = { servers: [server.address], limits: { header_bytes: "64KiB", headers: 200 } };
  await using proxy = await startConfigured({
    backends: { narrow: server.address, wide },
    settings: { routes: [{ hosts: ["wide.test"], backend: "wide" }, { backend: "narrow" }] },
  });
  const askWide = async (target: string) => {
    using client = await connectTls(proxy.port);
    await client.write(encodeRequest(target, { host: "wide.test" }));
    return (await readAnswer(client)).body;
  };
  assert.deepEqual([await askWide("/large"), await askWide("/many")], ["large", "many"]);

  for (const [target, key] of [["/large", "header_bytes"], ["/many", "headers"]] as const) {
    const { status, body } = await ask(proxy.port, target);
    assert.equal(status, 502);
    assert.match(body, RegExp(`^502 Bad Gateway\n.* backends\\.narrow\\.limits\\.${key} `));
    await proxy.log.first(RegExp(` request .*target=${target} .*status=502 .*error=answer_`));
    await proxy.log.first(RegExp(` server failed .*backends\\.narrow\\.limits\\.${key} `));
  }
  // requests have their own, which the backend's do not widen
  using client = await connectTls(proxy.port);
  const fields = [`A: ${"a".repeat(20_000)}`];
  await client.write(encodeRequest("/", { host: "wide.test", fields }));
  assert.equal((await readAnswer(client)).status, 431);
});

Deno.test("limits for answers' heads hold on connections from before a reload, too", async () => {
  await using server = await startFaulty("fine");
  const config = (bytes: string) => ({
    backends: { api: { servers: [server.address], limits: { header_bytes: bytes } } },
  });
  await using proxy = await startConfigured(config("16KiB"));
  assert.deepEqual(await askAll(proxy.port, 1), ["fine"]);
  await proxy.reload(config("64KiB"));
  assert.equal((await ask(proxy.port, "/large")).body, "large");
  assert.deepEqual(await askAll(proxy.port, 1), ["fine"]);
  await proxy.reload(config("16KiB"));
  assert.equal((await ask(proxy.port, "/large")).status, 502);
});

Deno.test("a backend has a limit of its own for answers that stand still", async () => {
  await using server = await startBackend(async (connection) => {
    await readRequest(connection);
    await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
    await connection.readSome().catch(() => undefined);
  }, { brokenOff: true });
  await using patient = await startBackend(async (connection) => {
    await readRequest(connection);
    await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
    await stalled;
    await connection.write("cd");
  });
  await using proxy = await startConfigured({
    backends: {
      quick: server.address,
      slow: { servers: [patient.address], timeouts: { idle: "1m" } },
    },
    settings: { timeouts: { body_idle: "300ms" } },
  });
  const { promise: stalled, resolve: goOn } = Promise.withResolvers<void>();
  const whole = ask(proxy.port, "/slow");
  await assert.rejects(ask(proxy.port, "/quick"));
  await proxy.log.first(
    / server failed .*stood still for 0\.3 s; backends\.quick\.timeouts\.idle /,
  );
  goOn();
  assert.equal((await whole).body, "abcd");
});

Deno.test("a server that takes a request behind its answer's head does not stand still", async () => {
  await using server = await startBackend(async (connection) => {
    await connection.readUntil("\r\n\r\n");
    await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    await connection.readText(PIECES);
    await connection.write("done");
  });
  await using proxy = await startConfigured({
    backends: { app: { servers: [server.address], timeouts: { idle: "3s" } } },
  });
  using client = await connectTls(proxy.port);
  await client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${PIECES}\r\n\r\n`);
  // longer than that in all, and never so long without a byte
  for (let sent = 0; sent < PIECES; sent++) {
    await client.write("x");
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  assert.equal((await readAnswer(client)).body, "done");
});

/** Bytes of an upload that comes one by one. */
const PIECES = 16;

Deno.test("ejection counts what says something of the server, and no answer of one request", async () => {
  await using a = await startFaulty("a");
  await using b = await startFaulty("b");
  const ejection = { failures: 2, time: "1m" };
  const api = { servers: [a.address, b.address], ejection, health: { type: "none" } };
  await using proxy = await startConfigured({ backends: { api }, settings: { workers: 1 } });
  for (const target of ["/large", "/many", "/cut", "/trailers"]) {
    for (let i = 0; i < 12; i++) await ask(proxy.port, target).catch(() => undefined);
  }
  await proxy.log.count(/ server failed /, 48);
  assert.deepEqual(proxy.log.matching(/ ejected /), []);
  assert.deepEqual((await askAll(proxy.port, 4)).toSorted(), ["a", "a", "b", "b"]);

  for (const target of ["/silent", "/garbage", "/silent", "/garbage"]) {
    assert.equal((await ask(proxy.port, target)).status, 502);
  }
  await proxy.log.first(/ warning server ejected .*2 failures in a row/);
});

Deno.test("a backup that is not checked takes over where it would fail its backend's check", async () => {
  await using main = await startNamedServer("main");
  await using spare = await startNamedServer("spare");
  spare.well = false;
  const api = {
    servers: [main.address, { address: spare.address, backup: true, health: "none" }],
    health: { type: "http", path: "/healthz", fall: 2, ...FAST_CHECKS },
  };
  await using proxy = await startConfigured({ backends: { api } });
  assert.deepEqual(await askAll(proxy.port, 2), ["main", "main"]);
  main.well = false;
  await proxy.log.first(/ server down /);
  assert.deepEqual(await askAll(proxy.port, 2), ["spare", "spare"]);
  assert.equal(spare.checks.length, 0);
});
