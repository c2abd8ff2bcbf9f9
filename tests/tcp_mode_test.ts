import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { startBackend, startEcho, unusedPort } from "./support/backends.ts";
import { denoTransport, type Transport } from "./support/connection.ts";
import { BROKEN_OFF, lastWords } from "./support/engine_looks.ts";
import { within } from "./support/deadline.ts";
import { startRedis } from "./support/redis.ts";
import { ENGINE_CAN, ENGINES, startProxy, startProxyFor } from "./support/start_proxy.ts";
import { testCertificates } from "./support/certificates.ts";
import { connectNodeTls, connectTls, openTls } from "./support/tls_client.ts";
import { run, runOk } from "./support/tools.ts";

const mode = "tcp";

for (const engine of ENGINES) {
  Deno.test(`tcp mode carries the client's half-close (${engine})`, async () => {
    await using backend = await startBackend(async (connection) => {
      const all = await connection.readRest();
      await connection.write(`you said ${all}`);
    });
    await using proxy = await startProxyFor({ engine, mode, backend: backend.address });
    using client = await connectTls(proxy.port);
    await client.write("hello");
    await client.end();
    assert.equal(await client.readRest(), "you said hello");
    const end = await proxy.log.first(/ info end .* in=(\d+) out=(\d+) server=(\S+) .*how=(.*)$/);
    assert.deepEqual(end.slice(1), ["5", "14", backend.address, "done"]);
  });

  Deno.test(`tcp mode carries the backend's half-close (${engine})`, async () => {
    const { promise: heard, resolve: hear } = Promise.withResolvers<string>();
    await using backend = await startBackend(async (connection) => {
      await connection.write("bye");
      await connection.end();
      hear(await connection.readRest());
    });
    await using proxy = await startProxyFor({ engine, mode, backend: backend.address });
    using client = await connectTls(proxy.port);
    assert.equal(await client.readRest(), "bye");
    for (const text of ["I ", "go ", "on"]) await client.write(text);
    await client.end();
    await proxy.log.first(/ info end .* in=7 out=3 .*how=done$/);
    assert.equal(await within(heard, "what the client says"), "I go on");
  });

  Deno.test(`tcp mode carries 100 MB each way at once, unchanged (${engine})`, async () => {
    const sent = createHash("sha256");
    const received = createHash("sha256");
    await using backend = await startBackend(async (connection) => {
      const { transport } = connection;
      await Promise.all([sendNoise(transport, sent), receiveAll(transport, received)]);
      // the client tells what was waited for in vain
    }, { brokenOff: true });
    await using proxy = await startProxyFor({ engine, mode, backend: backend.address });
    const transport = denoTransport(await openTls(proxy.port));
    const [sentHere, receivedHere] = [createHash("sha256"), createHash("sha256")];
    const [, size] = await Promise.all([
      sendNoise(transport, sentHere),
      receiveAll(transport, receivedHere),
    ]);
    transport.close();
    assert.equal(size, NOISE_BYTES);
    await proxy.log.first(new RegExp(` end .* in=${NOISE_BYTES} out=${NOISE_BYTES} .*how=done`));
    // the proxy is done when the system has the bytes; the backend still has to read them
    await backend.allGone();
    assert.equal(received.digest("hex"), sentHere.digest("hex"));
    assert.equal(receivedHere.digest("hex"), sent.digest("hex"));
  });

  Deno.test(`tcp mode serves a Redis (${engine})`, async () => {
    await using redis = await startRedis();
    await using proxy = await startProxyFor({ engine, mode, backend: redis.address });
    const { ca } = await testCertificates();
    const to = ["-h", "127.0.0.1", "-p", String(proxy.port), "--tls"];
    const trusting = [...to, "--cacert", ca];
    assert.equal(await runOk("redis-cli", [...to, "--insecure", "SET", "a", "1"]), "OK\n");
    assert.equal(await runOk("redis-cli", [...trusting, "GET", "a"]), "1\n");
    const commands = Array.from(
      { length: 5000 },
      (_, i) => `SET key:${i} ${"v".repeat(i % 300 + 1)}\r\n`,
    );
    const piped = await runOk("redis-cli", [...trusting, "--pipe"], { input: commands.join("") });
    assert.match(piped, /errors: 0, replies: 5000/);
    assert.equal(await runOk("redis-cli", [...trusting, "STRLEN", "key:299"]), "300\n");
    const big = "x".repeat(2_000_000);
    await runOk("redis-cli", [...trusting, "-x", "SET", "big"], { input: big });
    assert.equal(await runOk("redis-cli", [...trusting, "GET", "big"]), `${big}\n`);
  });

  Deno.test(`tcp mode ends at once when the backend refuses (${engine})`, async () => {
    const refusing = `127.0.0.1:${await unusedPort()}`;
    await using proxy = await startProxyFor({ engine, mode, backend: refusing });
    for (let i = 0; i < 2; i++) {
      using client = await connectTls(proxy.port);
      const started = performance.now();
      await client.untilGone();
      assert.ok(performance.now() - started < 2000);
    }
    await proxy.log.count(/ warning server failed .*error=connect_failed .*refused/, 2);
    const [end = ""] = await proxy.log.count(/ warning end .*server=-/, 2);
    assert.match(end, /how="connect_failed: Cannot connect to /);
  });

  Deno.test(`tcp mode takes the next server when one refuses (${engine})`, async () => {
    await using echo = await startEcho();
    const refusing = `127.0.0.1:${await unusedPort()}`;
    const flags = ["--backend", echo.address];
    await using proxy = await startProxyFor({ engine, mode, backend: refusing, flags });
    for (let i = 0; i < 2; i++) {
      using client = await connectTls(proxy.port);
      await client.write("ping");
      assert.equal(await client.readText(4), "ping");
    }
  });

  Deno.test(`tcp mode breaks off on one side what breaks off on the other (${engine})`, async () => {
    const heard: string[] = [];
    await using backend = await startBackend(async (connection) => {
      await connection.write("abc");
      if (await connection.readText(1) === "r") return connection.reset();
      heard.push(await connection.readText(5), await lastWords(connection));
    }, { brokenOff: true });
    await using proxy = await startProxyFor({ engine, mode, backend: backend.address });
    using client = await connectTls(proxy.port);
    await client.readUntil("abc");
    await client.write("r");
    const toldByTls = await client.readRest().then(() => false, () => true);
    assert.equal(toldByTls, ENGINE_CAN[engine].has("truncation_shown"));

    const { connection: resetting } = await connectNodeTls(proxy.port);
    await resetting.readUntil("abc");
    await resetting.write("x last");
    resetting.reset();
    await backend.allGone();
    const ends = await proxy.log.count(/ end peer=/, 2);
    assert.match(ends[0] ?? "", / warning end .*how="upstream_gone: /);
    const seen = ENGINE_CAN[engine].has("truncation_seen");
    assert.deepEqual(heard, [" last", seen ? BROKEN_OFF : ""]);
    assert.match(ends[1] ?? "", seen ? / info end .*how="client_gone: / : / info end .*how=done/);
  });
}

Deno.test("tcp mode takes the engine that shows when a connection is broken off", async () => {
  const { ec } = await testCertificates();
  await using proxy = await startProxy([
    ...["--listen", "127.0.0.1:0", "--backend", "127.0.0.1:9", "--mode", mode, "--no-tls-log"],
    ...["--cert", ec.cert, "--key", ec.key],
  ]);
  assert.match(proxy.says.text, /tcp, openssl engine \(the best there is here/);
});

Deno.test("tcp mode closes plain text and says why", async () => {
  await using echo = await startEcho();
  await using proxy = await startProxyFor({ engine: "openssl", mode, backend: echo.address });
  const { code } = await run("redis-cli", ["-p", String(proxy.port), "PING"]);
  assert.notEqual(code, 0);
  await proxy.log.first(/ warning handshake failed .*error=bad_client_hello reason="not a TLS/);
  assert.equal(echo.connections.length, 0);
});

const NOISE_BYTES = 100_000_000;

/** Sends bytes that differ everywhere, then ends. */
async function sendNoise(
  transport: Transport,
  hash: ReturnType<typeof createHash>,
): Promise<void> {
  const block = crypto.getRandomValues(new Uint8Array(50_000));
  for (let sent = 0; sent < NOISE_BYTES; sent += block.length) {
    new DataView(block.buffer).setUint32(sent % 49_000, sent);
    hash.update(block);
    // all of it takes what time it takes
    await within(transport.write(block), () => `more to be taken than ${sent} bytes`);
  }
  await transport.end();
}

async function receiveAll(
  transport: Transport,
  hash: ReturnType<typeof createHash>,
): Promise<number> {
  let size = 0;
  const what = () => `more than ${size} bytes`;
  for (let chunk; (chunk = await within(transport.read(), what)) !== undefined;) {
    hash.update(chunk);
    size += chunk.length;
  }
  return size;
}
