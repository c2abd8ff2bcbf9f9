import assert from "node:assert/strict";
import { startBackend, startEcho, startHttp, type TestBackend } from "./support/backends.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import type { TestConnection } from "./support/connection.ts";
import { eventually } from "./support/deadline.ts";
import {
  encodeAnswer,
  encodeRequest,
  readAnswer,
  readRequest,
  readRequestHead,
} from "./support/http.ts";
import { CLIENT_LEAVES, sending, type Way, WAYS } from "./support/leaving_clients.ts";
import { openFilesAtRest } from "./support/open_files.ts";
import { ENGINES, type ProxyProcess, startProxyFor } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";

const BIG = "x".repeat(10_000_000);

/** Where a server leaves. */
const SERVER_LEAVES: Readonly<Record<string, (connection: TestConnection) => Promise<unknown>>> = {
  "at once": () => Promise.resolve(),
  "amid a request's head": (connection) => connection.readText(10),
  "amid a request's body": async (connection) => {
    await readRequestHead(connection);
    await connection.readText(100_000);
  },
  "before its answer": readRequest,
  "amid its answer's head": async (connection) => {
    await readRequest(connection);
    await connection.write("HTTP/1.1 200 OK\r\nContent-Le");
  },
  "amid its answer": async (connection) => {
    await readRequest(connection);
    await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  },
  "amid a chunk": async (connection) => {
    await readRequest(connection);
    await connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc");
  },
  "behind its answer": async (connection) => {
    await readRequest(connection);
    await connection.write(encodeAnswer("x"));
  },
};

for (const engine of ENGINES) {
  Deno.test(`500 connections at once get the right answers (${engine})`, async () => {
    await using backend = await startHttp(
      (request) => encodeAnswer(request.target),
      { brokenOff: true },
    );
    await using proxy = await startConfigured({
      engine,
      backends: { default: backend.address },
      // each waits for the handshakes of all
      settings: { timeouts: { handshake: "2m", header: "2m", keep_alive: "2m" } },
    });
    const before = await filesAtRest(proxy, backend);
    const clients = await Promise.all(
      Array.from({ length: 500 }, () => connectTls(proxy.port)),
    );
    await Promise.all(clients.map(async (client, index) => {
      for (let i = 0; i < 3; i++) {
        const target = `/${index}/${i}`;
        await client.write(encodeRequest(target));
        assert.equal((await readAnswer(client)).body, target);
      }
    }));
    assert.ok(await proxy.openFiles() >= before + 500);
    for (const client of clients) client.close();
    await backToRest(proxy, backend, { before, after: "500 connections" });
  });

  Deno.test(`a client that breaks off leaves nothing behind (${engine})`, async () => {
    const waiting: (() => void)[] = [];
    await using backend = await startHttp(async (request) => {
      if (request.target === "/big") return encodeAnswer(BIG);
      if (request.target === "/slow") await new Promise<void>((resolve) => waiting.push(resolve));
      return encodeAnswer("x");
    }, { brokenOff: true });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const before = await filesAtRest(proxy, backend);
    for (const [phase, come] of Object.entries(CLIENT_LEAVES)) {
      for (const way of WAYS) {
        const clients = await Promise.all(Array.from({ length: 5 }, () => come(proxy.port)));
        for (const client of clients) client[way]();
        for (const answer of waiting.splice(0)) answer();
        await backToRest(proxy, backend, { before, after: `a client's ${way} ${phase}` });
      }
    }
  });

  Deno.test(`a backend that breaks off leaves nothing behind (${engine})`, async () => {
    let leave: (connection: TestConnection) => Promise<unknown> = readRequest;
    let way: Way = "close";
    let good = true;
    await using backend = await startBackend(async (connection) => {
      if (good) {
        while (await readRequest(connection)) await connection.write(encodeAnswer("x"));
        return;
      }
      await leave(connection);
      connection[way]();
    }, { brokenOff: true });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const before = await filesAtRest(proxy, backend);
    for (const [phase, script] of Object.entries(SERVER_LEAVES)) {
      for (way of WAYS) {
        [good, leave] = [false, script];
        const clients = await Promise.all(Array.from({ length: 5 }, async () => {
          const client = await connectTls(proxy.port);
          const body = "y".repeat(300_000);
          // the connection may end below it
          await client.write(encodeRequest("/", { method: "POST", body })).catch(() => {});
          await readAnswer(client).then(
            ({ status }) => assert.equal(status, phase === "behind its answer" ? 200 : 502, phase),
            () => {},
          );
          return client;
        }));
        for (const client of clients) client.close();
        good = true;
        await backToRest(proxy, backend, { before, after: `a server's ${way} ${phase}` });
      }
    }
  });

  Deno.test(`tcp mode leaves nothing behind when either side breaks off (${engine})`, async () => {
    await using backend = await startEcho({ brokenOff: true });
    const mode = "tcp";
    await using proxy = await startProxyFor({ engine, mode, backend: backend.address });
    const use = async () => {
      using client = await connectTls(proxy.port);
      await client.write("ping");
      assert.equal(await client.readText(4), "ping");
    };
    const before = await filesAtRest(proxy, backend, use);
    for (const way of WAYS) {
      for (const side of ["client", "backend"]) {
        for (const busy of [false, true]) {
          const seen = backend.connections.length;
          const client = side === "client"
            ? await sending(proxy.port, "")
            : await connectTls(proxy.port);
          await client.write("ping");
          await client.readText(4);
          const flood = busy ? client.write(BIG).catch(() => {}) : Promise.resolve();
          if (busy) await client.readBytes(100_000);
          if (side === "client") client[way]();
          else {
            backend.connections[seen]?.[way]();
            await client.untilGone();
            client.close();
          }
          await flood;
          const after = `the ${side}'s ${way}${busy ? " amid data" : ""}`;
          await backToRest(proxy, backend, { before, after, use });
        }
      }
    }
  });
}

/** How many files the proxy has open when nobody uses it, after it was used once. */
async function filesAtRest(
  proxy: ProxyProcess,
  backend: TestBackend,
  use = () => askOnce(proxy),
): Promise<number> {
  await use();
  backend.dropAll();
  return await openFilesAtRest(proxy);
}

/** Sees to it that the proxy gets back to where it was, and still serves. */
async function backToRest(
  proxy: ProxyProcess,
  backend: TestBackend,
  { before, after, use = () => askOnce(proxy) }: {
    before: number;
    after: string;
    use?: () => Promise<void>;
  },
): Promise<void> {
  await use();
  let now = 0;
  await eventually(async () => {
    // idle connections in the pool are no leak
    backend.dropAll();
    now = await proxy.openFiles();
    return now <= before ? now : undefined;
  }, () => `${now} open files to become ${before} after ${after}`);
}

async function askOnce(proxy: ProxyProcess): Promise<void> {
  using client = await connectTls(proxy.port);
  await client.write(encodeRequest("/"));
  assert.equal((await readAnswer(client)).status, 200);
}
