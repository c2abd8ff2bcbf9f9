import assert from "node:assert/strict";
import { SETTING } from "../lib/http2/wire.ts";
import { NO_BYTES } from "../lib/io/buffer_pool.ts";
import { serveHttp2 } from "../lib/proxy/http2_session.ts";
import { startBackend, startEcho } from "./support/backends.ts";
import { type ConfiguredProxy, startConfigured } from "./support/configured_proxy.ts";
import type { TestConnection } from "./support/connection.ts";
import { pause, within } from "./support/deadline.ts";
import { encodeRequest, readRequestHead } from "./support/http.ts";
import { Http2Client } from "./support/http2_client.ts";
import { headers, joined, opening, requestFields } from "./support/http2_frames.ts";
import { RECORD, RecordClient } from "./support/record_client.ts";
import { ScriptedConnection } from "./support/scripted_connection.ts";
import { scriptedPolicy, scriptedSession } from "./support/scripted_policy.ts";
import { ENGINES, startProxyFor } from "./support/start_proxy.ts";
import { connectNodeTls, connectTcp, connectTls } from "./support/tls_client.ts";

/** Clients that leave amid an answer whose server has nothing to say, and those that only seem to. */

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
const LEAVES = ["reset", "close", "end"] as const;

/** A server that sends the beginning of an answer and then waits for whoever asks to leave. */
function startSilent() {
  return startBackend(async (connection) => {
    await readRequestHead(connection);
    await connection.write(`${HEAD}data: first\n\n`);
    await connection.untilGone();
  }, { brokenOff: true });
}

/** A server that sends a line of its answer four times a second: longer than the grace, at the end. */
function startTicking() {
  return startBackend(async (connection) => {
    await readRequestHead(connection);
    await connection.write(HEAD);
    for (let i = 0; i < 12; i++) {
      await pause(250);
      await connection.write(`data: ${i}\n\n`);
    }
  });
}

async function leave(client: TestConnection, how: typeof LEAVES[number]): Promise<void> {
  if (how === "end") await client.end();
  else client[how]();
}

/** Leaves amid an answer in every way, each of which ends its request at the server and in the log. */
async function leaveAmidAnswers(
  connect: () => Promise<TestConnection>,
  { proxy, backend }: {
    proxy: Pick<ConfiguredProxy, "log">;
    backend: Awaited<ReturnType<typeof startSilent>>;
  },
): Promise<void> {
  for (const how of LEAVES) {
    using client = await connect();
    await client.write(encodeRequest(`/${how}`));
    await client.readUntil("data: first\n\n");
    await leave(client, how);
    await backend.allGone();
    await proxy.log.first(
      new RegExp(` info request .*target=/${how} status=200 .*error=client_gone`),
    );
  }
}

for (const engine of ENGINES) {
  Deno.test(`a client that leaves amid a silent answer ends its request (${engine})`, async () => {
    await using backend = await startSilent();
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const connect = async () => (await connectNodeTls(proxy.port)).connection;
    await leaveAmidAnswers(connect, { proxy, backend });
  });

  Deno.test(`a connection of HTTP/2 that ends takes its silent answers along (${engine})`, async () => {
    await using backend = await startSilent();
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    for (const how of LEAVES) {
      const { connection } = await connectNodeTls(proxy.port, { ALPNProtocols: ["h2"] });
      using client = new Http2Client(connection);
      await client.send(opening());
      for (const id of [1, 3]) await client.ask(id, `/${how}`);
      for (const id of [1, 3]) {
        await client.until(
          () => client.seen(id).body.endsWith("first\n\n") || undefined,
          "an event",
        );
      }
      await leave(connection, how);
      await backend.allGone();
      await proxy.log.count(
        new RegExp(` info request .*target=/${how} status=200 .*error=client_gone`),
        2,
      );
    }
  });

  Deno.test(`a client that half-closed gets an answer to its end while it moves (${engine})`, async () => {
    await using backend = await startTicking();
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    await client.write(encodeRequest("/"));
    await client.end();
    using two = await Http2Client.connect(proxy.port);
    await two.ask(1, "/");
    await two.connection.end();
    assert.match(await client.readRest(), /data: 11\n\n\r\n0\r\n\r\n$/);
    const { ended, body } = await two.answer(1);
    assert.deepEqual([ended, body.match(/data/g)?.length], [true, 12]);
  });

  Deno.test(`a client of HTTP/1.0 that half-closed waits as long as it takes (${engine})`, async () => {
    await using backend = await startBackend(async (connection) => {
      await readRequestHead(connection);
      await connection.write(`${HEAD}data: first\n\n`);
      await pause(3_000);
      await connection.write("data: last\n\n");
    });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    await client.write("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    await client.end();
    assert.match(await client.readRest(), /data: first\n\ndata: last\n\n$/);
  });

  Deno.test(`TLS that breaks while nothing is asked for is told of (${engine})`, async () => {
    await using backend = await startEcho();
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const noRecord = Uint8Array.of(RECORD.data, 3, 3, 0, 32, ...Array(32).fill(1));
    const BEGUN = {
      "http/1.1": (client: RecordClient) => client.record(RECORD.data, NO_BYTES),
      h2: (client: RecordClient) => client.record(RECORD.data, opening()),
    };
    let handshakes = 0;
    // what breaks together with the last of a handshake breaks the handshake, with one engine
    const shakeHands = async (alpn?: string) => {
      const client = await RecordClient.connect(proxy.port, alpn === undefined ? {} : { alpn });
      await proxy.log.count(/ info handshake /, ++handshakes);
      return client;
    };
    for (const [alpn, begun] of Object.entries(BEGUN)) {
      using broken = await shakeHands(alpn);
      await broken.send(begun(broken), noRecord);
      assert.equal((await broken.ending()).alert, 20, alpn);
    }
    const ends = await proxy.log.count(/ info end .*requests=0/, 2);
    for (const end of ends) assert.match(end, /how="client_gone: (bad record MAC|cannot decrypt)/);
    // who leaves without a word has done nothing wrong
    (await shakeHands())[Symbol.dispose]();
    await proxy.log.first(/ info end .*requests=0 .*how=done$/);
  });
}

Deno.test("a client that half-closed is not taken for gone by a proxy that has stood still", async () => {
  const goOn = Promise.withResolvers<void>();
  let left = 2;
  const sent = Promise.withResolvers<void>();
  await using backend = await startBackend(async (connection) => {
    await readRequestHead(connection);
    await connection.write(`${HEAD}data: first\n\n`);
    await goOn.promise;
    await connection.write("data: last\n\n");
    if (--left === 0) sent.resolve();
  });
  await using proxy = await startProxyFor({ engine: "openssl", backend: backend.address });
  using client = await connectTls(proxy.port, ["http/1.1"]);
  using two = await Http2Client.connect(proxy.port);
  await client.write(encodeRequest("/"));
  await two.ask(1, "/");
  await client.readUntil("first\n\n");
  await two.until(() => two.seen(1).body.endsWith("first\n\n") || undefined, "an event");
  await client.end();
  await two.connection.end();
  // by then it waits for what is to be sent to them, which it does for less than it stands still
  await pause(600);
  proxy.signal("SIGSTOP");
  await pause(2_000);
  goOn.resolve();
  await within(sent.promise, "the server to send to both");
  proxy.signal("SIGCONT");
  assert.match(await client.readRest(), /data: last\n\n\r\n0\r\n\r\n$/);
  const { ended, body } = await two.answer(1);
  assert.deepEqual([ended, body], [true, "data: first\n\ndata: last\n\n"]);
});

Deno.test("a client without TLS that leaves amid a silent answer ends its request", async () => {
  await using backend = await startSilent();
  await using proxy = await startConfigured(JSON.stringify({
    listeners: [{ listen: "127.0.0.1:0", tls: false }],
    backends: { a: { servers: [backend.address] } },
    routes: [{ backend: "a" }],
  }));
  await leaveAmidAnswers(() => connectTcp(proxy.port), { proxy, backend });
});

Deno.test("who ends right behind as much as is read at once by HTTP/2 is not waited for", async () => {
  const answer = { status: 200, fields: [], body: new Uint8Array(100_000) };
  const action = { kind: "respond", answer, etag: '"a"' } as const;
  const client = new ScriptedConnection();
  const policy = scriptedPolicy({ action }, { bodyIdle: 3_600_000 });
  const session = serveHttp2(client, scriptedSession(policy));
  // it lets nothing of the answer be sent
  const begin = opening([[SETTING.initialWindowSize, 0]]);
  const asking = (bytes: number) =>
    joined([begin, headers(1, requestFields({}, [["x-long", "a".repeat(bytes)]]))]);
  const rest = READ_AT_ONCE - asking(1_000).length;
  const asked = asking(1_000 + rest);
  assert.equal(asked.length, READ_AT_ONCE);
  client.push(asked);
  client.push(undefined);
  await within(session.done, "its end");
});

/** Bytes that a connection by HTTP/2 reads at once while little comes. */
const READ_AT_ONCE = 4096;
