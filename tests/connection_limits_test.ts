import assert from "node:assert/strict";
import net from "node:net";
import { startHttp, unusedPort } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { CAPTURED_HELLOS } from "./support/client_hellos.ts";
import { nodeTransport, TestConnection } from "./support/connection.ts";
import { eventually } from "./support/deadline.ts";
import { encodeRequest, readAnswer } from "./support/http.ts";
import { ENGINES, stopProxy } from "./support/start_proxy.ts";
import { connectTcp, connectTls } from "./support/tls_client.ts";

const HELLO = CAPTURED_HELLOS[0]?.bytes ?? new Uint8Array();

for (const engine of ENGINES) {
  Deno.test(`a connection too many is closed at once (${engine})`, async () => {
    await using backend = await startHttp();
    await using proxy = await startConfigured({
      engine,
      backends: { default: backend.address },
      settings: { limits: { connections: 3 } },
    });
    const before = await proxy.openFiles();
    using first = await connectTls(proxy.port);
    using second = await connectTls(proxy.port);
    // one that has not said anything has its place, too
    const silent = await connectTcp(proxy.port);
    await eventually(
      async () => await proxy.openFiles() >= before + 3 || undefined,
      "three connections to be accepted",
    );
    const filled = await proxy.openFiles();
    using stack = new DisposableStack();
    for (let i = 0; i < 20; i++) {
      const refused = stack.use(await connectTcp(proxy.port));
      // a hello on its way may meet a connection that is closed already
      if (i % 2 === 0) await refused.write(HELLO).catch(() => {});
      await refused.untilGone();
      // the runtime begins to answer a hello by itself, so with its own TLS some may come through
      if (engine === "openssl") assert.equal(refused.received, 0);
    }
    await eventually(
      async () => await proxy.openFiles() <= filled || undefined,
      "the refused connections to be closed, though their clients stay",
    );
    for (const client of [first, second]) {
      await client.write(encodeRequest("/"));
      assert.equal((await readAnswer(client)).body, "hello");
    }

    // a place is free again once one has gone, whether or not it came to a handshake
    const used = await proxy.openFiles();
    silent.close();
    await eventually(
      async () => await proxy.openFiles() < used || undefined,
      "its place to be free",
    );
    const third = await connectTls(proxy.port);
    third.close();
    await proxy.log.first(/ info end /);
    using fourth = await connectTls(proxy.port);
    await fourth.write(encodeRequest("/"));
    assert.equal((await readAnswer(fourth)).body, "hello");

    first.close();
    second.close();
    fourth.close();
    await stopProxy(proxy);
    const lines = proxy.log.matching(/ warning connections refused listen=127\.0\.0\.1:\S+ /);
    const counts = lines.map((line) =>
      Number(/ count=(\d+) limit=connections peer=/.exec(line)?.[1])
    );
    assert.equal(counts[0], 1, "the first is told at once");
    assert.equal(counts.reduce((sum, count) => sum + count), 20);
    assert.ok(counts.length < 20, "and not each by itself");
    assert.match(proxy.says.text, /, 20 connections over the limit, /);
  });

  Deno.test(`connections_per_ip holds for each address by itself (${engine})`, async () => {
    await using backend = await startHttp();
    await using proxy = await startConfigured({
      engine,
      mode: "tcp",
      backends: { default: backend.address },
      settings: { limits: { connections_per_ip: 1 } },
    });
    using greedy = await connectTls(proxy.port);
    using refused = await connectTcp(proxy.port);
    await refused.untilGone();
    // another address is let in: it gets an answer to its hello
    using other = await connectFrom("127.0.0.2", proxy.port);
    await other.write(HELLO);
    assert.ok(await other.hasMore());
    await greedy.write(encodeRequest("/"));
    assert.equal((await readAnswer(greedy)).body, "hello");
    await proxy.log.first(
      / connections refused .*count=1 limit=connections_per_ip peer=127\.0\.0\.1:/,
    );
  });

  Deno.test(`a listener that is opened anew counts the connections that it had (${engine})`, async () => {
    await using backend = await startHttp();
    const { ec } = await testCertificates();
    const port = await unusedPort();
    const make = (http2: boolean) =>
      JSON.stringify({
        listeners: [{ listen: `127.0.0.1:${port}`, engine, http2 }],
        certificates: [ec],
        backends: { default: { servers: [backend.address] } },
        routes: [{ backend: "default" }],
        workers: 1,
        limits: { connections_per_ip: 1 },
      });
    await using proxy = await startConfigured(make(true));
    using first = await connectTls(port);
    await first.write(encodeRequest("/"));
    assert.equal((await readAnswer(first)).body, "hello");
    await proxy.config.write(make(false));
    assert.match(await proxy.reload(), /: 1 listener changed, /);
    using refused = await connectTcp(port);
    await refused.untilGone();
    await proxy.log.first(/ connections refused .*limit=connections_per_ip /);
    await first.write(encodeRequest("/"));
    assert.equal((await readAnswer(first)).body, "hello");
  });

  Deno.test(`slow clients cost no connection to a backend (${engine})`, async () => {
    await using backend = await startHttp(undefined, { brokenOff: true });
    await using proxy = await startConfigured({ engine, backends: { default: backend.address } });
    using clients = new DisposableStack();
    for (let i = 0; i < 20; i++) {
      const client = clients.use(await connectTls(proxy.port));
      const text = encodeRequest("/", { method: "POST", body: "x" });
      await client.write(text.slice(0, text.length - 2 - i % 20));
    }
    using client = await connectTls(proxy.port);
    await client.write(encodeRequest("/"));
    assert.equal((await readAnswer(client)).body, "hello");
    assert.deepEqual([backend.connections.length, backend.requests.length], [1, 1]);
  });
}

async function connectFrom(localAddress: string, port: number): Promise<TestConnection> {
  const socket = net.connect({ host: "127.0.0.1", port, localAddress });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  return new TestConnection(nodeTransport(socket, () => socket.resetAndDestroy()));
}
