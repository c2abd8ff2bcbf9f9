import assert from "node:assert/strict";
import { startBackend } from "./support/backends.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { CAPTURED_HELLOS } from "./support/client_hellos.ts";
import type { TestConnection } from "./support/connection.ts";
import { eventually, pause } from "./support/deadline.ts";
import {
  encodeAnswer,
  encodeRequest,
  readAnswer,
  readRequestHead,
  valuesOf,
} from "./support/http.ts";
import { ENGINES, type ProxyProcess, stopProxy } from "./support/start_proxy.ts";
import { connectTcp, connectTls } from "./support/tls_client.ts";

/** A byte a second would do for body_idle, and ten are too few for body_rate. */
const SETTINGS = {
  timeouts: {
    handshake: "2500ms",
    header: "2600ms",
    body_idle: "3s",
    keep_alive: "2700ms",
    tunnel_idle: "2800ms",
  },
  limits: { body_rate: 1000 },
};

const UPGRADE = { fields: ["Connection: upgrade", "Upgrade: a"] };
const SWITCHES = "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n";
const POST = "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
const CHUNKED = "POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/** Clients that stay as they are until the test is over: it is the proxy that has to let go. */
interface Connect {
  tcp(): Promise<TestConnection>;
  tls(): Promise<TestConnection>;
}

interface TimeoutCase {
  /** The key of the configuration that it is about. */
  readonly key: string;
  readonly name: string;
  /** What the client does until it has seen the end. */
  readonly play: (connect: Connect) => Promise<void>;
  /** The line that the log has of it; lines of other cases do not match. */
  readonly log: RegExp;
}

const CASES: readonly TimeoutCase[] = [
  {
    key: "timeouts.handshake",
    name: "a client that says nothing",
    play: async (connect) => {
      const client = await connect.tcp();
      await client.untilGone();
    },
    log: / handshake failed .*error=handshake_timeout/,
  },
  {
    key: "timeouts.handshake",
    name: "a client that stops amid its hello",
    play: async (connect) => {
      const client = await connect.tcp();
      await client.write((CAPTURED_HELLOS[0]?.bytes ?? new Uint8Array()).subarray(0, 50));
      await client.untilGone();
    },
    log: / handshake failed .*error=handshake_timeout/,
  },
  {
    key: "timeouts.header",
    name: "a client that sends no request",
    play: (connect) => refused(connect, 408, () => Promise.resolve()),
    log: / info request .*method=- .*status=408 in=0 .*error=header_timeout/,
  },
  {
    key: "timeouts.header",
    name: "a head that comes byte by byte",
    play: (connect) =>
      refused(
        connect,
        408,
        (client) => trickle(client, encodeRequest("/", { host: "a".repeat(99) })),
      ),
    log: / info request .*method=- .*status=408 in=\d{2,} .*error=header_timeout/,
  },
  {
    key: "timeouts.body_idle",
    name: "a body that stands still",
    play: (connect) => refused(connect, 408, (client) => client.write(POST + "abc")),
    log: / info request .*target=\/read status=408 .*error=body_timeout/,
  },
  {
    key: "limits.body_rate",
    name: "a body that trickles",
    play: (connect) =>
      refused(connect, 408, async (client) => {
        await client.write(POST);
        await trickle(client, "x".repeat(100));
      }),
    log: / info request .*target=\/read status=408 .*error=body_timeout/,
  },
  {
    key: "limits.body_rate",
    name: "chunks that trickle",
    play: (connect) =>
      refused(connect, 408, async (client) => {
        await client.write(CHUNKED);
        await trickle(client, "1\r\nx\r\n".repeat(20));
      }),
    log: / info request .*target=\/read status=408 .*error=body_timeout/,
  },
  {
    key: "limits.body_rate",
    name: "a body that takes long and is fast enough",
    play: async (connect) => {
      const client = await connect.tls();
      await client.write(POST);
      for (let sent = 0; sent < 20; sent++) {
        await client.write("x".repeat(50_000));
        await pause(100);
      }
      assert.equal((await readAnswer(client)).body, "read");
    },
    log: / info request .*target=\/read status=200 .*error=-/,
  },
  {
    key: "backends.*.timeouts.response",
    name: "a server that does not answer",
    play: async (connect) => {
      const client = await connect.tls();
      await client.write(encodeRequest("/silent"));
      const answer = await readAnswer(client);
      assert.deepEqual([answer.status, valuesOf(answer, "Connection")], [504, []]);
      // it was the server's fault, so the client's connection goes on
      await client.write(encodeRequest("/"));
      assert.equal((await readAnswer(client)).body, "x");
    },
    log: / warning request .*target=\/silent status=504 .*error=response_timeout/,
  },
  {
    key: "timeouts.body_idle",
    name: "an answer that stands still",
    play: async (connect) => {
      const client = await connect.tls();
      await client.write(encodeRequest("/half"));
      await client.readUntil("abc");
      const rest = await client.readRest().catch(() => "");
      assert.equal(rest, "");
    },
    log: / warning request .*target=\/half status=200 .*error=truncated_response/,
  },
  {
    key: "timeouts.body_idle",
    name: "a client that does not take its answer",
    play: async (connect) => {
      const client = await connect.tls();
      await client.write(encodeRequest("/endless"));
      await client.readUntil("\r\n\r\n");
    },
    log:
      / info request .*target=\/endless status=200 .*error=idle_timeout reason="Nothing was taken for /,
  },
  {
    key: "timeouts.keep_alive",
    name: "a client without another request",
    play: async (connect) => {
      const client = await connect.tls();
      await client.write(encodeRequest("/"));
      assert.equal((await readAnswer(client)).body, "x");
      assert.equal(await client.readRest(), "", "it just ends");
    },
    log: / info end .*requests=1 .*how=done/,
  },
  {
    key: "timeouts.tunnel_idle",
    name: "a tunnel in which nothing moves",
    play: async (connect) => {
      const client = await connect.tls();
      await client.write(encodeRequest("/tunnel", UPGRADE));
      assert.match(await client.readUntil("\r\n\r\n"), /^HTTP\/1\.1 101 /);
      await client.untilGone();
    },
    log: / info request .*target=\/tunnel status=101 .*error=idle_timeout/,
  },
];

for (const engine of ENGINES) {
  Deno.test(`every time limit closes cleanly, though its client stays (${engine})`, async () => {
    await using backend = await startServer();
    await using proxy = await startConfigured({
      engine,
      backends: { default: { servers: [backend.address], timeouts: { response: "2900ms" } } },
      settings: SETTINGS,
    });
    using client = await connectTls(proxy.port);
    await client.write(encodeRequest("/"));
    await readAnswer(client);
    assert.equal(await client.readRest(), "");
    const before = await restingFiles(proxy, () => backend.dropAll());
    using clients = new DisposableStack();
    const connect = {
      tcp: async () => clients.use(await connectTcp(proxy.port)),
      tls: async () => clients.use(await connectTls(proxy.port)),
    };

    const failures = (await Promise.allSettled(
      CASES.map(async ({ key, name, play }) => {
        await play(connect).catch((error) => {
          throw new Error(`${key}, ${name}: ${error.message}`);
        });
      }),
    )).flatMap((result) => result.status === "rejected" ? [result.reason.message] : []);
    assert.deepEqual(failures, []);
    for (const { log } of CASES) {
      const alike = CASES.filter((other) => String(other.log) === String(log)).length;
      await proxy.log.count(log, alike);
    }
    await eventually(async () => {
      backend.dropAll();
      return await proxy.openFiles() <= before || undefined;
    }, `the ${before} open files of before`);
    assert.equal(await stopProxy(proxy), 0);
    assert.doesNotMatch(proxy.says.text, /cut off/);
  });
}

Deno.test("timeouts.keep_alive of 0 has a connection end behind its first answer, which says so", async () => {
  await using backend = await startServer();
  await using proxy = await startConfigured({
    backends: { default: backend.address },
    settings: { timeouts: { keep_alive: "0s" } },
  });
  for (const target of ["/", "*"]) {
    using client = await connectTls(proxy.port);
    const method = target === "*" ? "OPTIONS" : "GET";
    const first = encodeRequest(target, { method, fields: ["Max-Forwards: 0"] });
    await client.write(first + encodeRequest("/next"));
    const answer = await readAnswer(client);
    assert.deepEqual([answer.status, valuesOf(answer, "connection")], [200, ["close"]]);
    assert.equal(await client.readRest(), "");
  }
});

/** Answers by the target; what it never answers it leaves open. */
function startServer() {
  return startBackend(async (connection) => {
    while (await connection.hasMore()) {
      const { target } = await readRequestHead(connection);
      if (target === "/read") await connection.readBytes(1_000_000);
      if (target === "/silent") return await connection.untilGone();
      if (target === "/tunnel") {
        await connection.write(SWITCHES);
        return await connection.untilGone();
      }
      if (target === "/half") {
        await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
        return await connection.untilGone();
      }
      if (target === "/endless") {
        await connection.write("HTTP/1.1 200 OK\r\n\r\n");
        for (;;) await connection.write(BLOCK);
      }
      await connection.write(encodeAnswer(target === "/" ? "x" : target.slice(1)));
    }
  }, { brokenOff: true });
}

const BLOCK = new Uint8Array(1_000_000);

/** A client that is told off: by a status, and the end of the connection. */
async function refused(
  connect: Connect,
  status: number,
  send: (client: TestConnection) => Promise<void>,
): Promise<void> {
  const client = await connect.tls();
  const sending = send(client).catch(() => {});
  const answer = await readAnswer(client);
  assert.deepEqual([answer.status, valuesOf(answer, "Connection")], [status, ["close"]]);
  assert.equal(await client.readRest(), "");
  await sending;
}

/** Ten pieces a second. */
async function trickle(client: TestConnection, text: string): Promise<void> {
  for (const character of text) {
    await client.write(character);
    await pause(100);
  }
}

async function restingFiles(proxy: ProxyProcess, drop: () => void): Promise<number> {
  let last = -1;
  return await eventually(async () => {
    drop();
    const now = await proxy.openFiles();
    if (now === last) return now;
    last = now;
    return undefined;
  }, "the proxy to come to rest");
}
