import assert from "node:assert/strict";
import { startBackend } from "../../tests/support/backends.ts";
import { within } from "../../tests/support/deadline.ts";
import { settings } from "../../tests/support/http2_frames.ts";
import { Deadlines } from "../io/deadlines.ts";
import type { TlsClient } from "../tls/tls_client.ts";
import { AutoPool } from "./auto_pool.ts";
import { Http2Pool } from "./http2_pool.ts";
import type { PooledServer } from "./pool.ts";

const DIALING = {
  connectTimeout: 5_000,
  proxyProtocol: undefined,
  limits: { headerBytes: 1024, headers: 10 },
};
const ORIGIN = { peer: { host: "192.0.2.1", port: 1 }, local: { host: "192.0.2.2", port: 2 } };

function serverAt(port: number, tls?: TlsClient): PooledServer {
  const endpoint = { kind: "tcp", host: "127.0.0.1", port } as const;
  return { endpoint, tls, maxIdle: 1, idleTimeout: 60_000, mayPool: true };
}

Deno.test("Http2Pool serves those who wait for a connection while it is closed by that one", async () => {
  const begins = Promise.withResolvers<void>();
  await using server = await startBackend(async (connection) => {
    await begins.promise;
    await connection.write(settings());
    await connection.readRest();
  });
  const pool = new Http2Pool(serverAt(server.port), new Deadlines());
  const opening = [1, 2].map(() => pool.open(ORIGIN, DIALING));
  pool.close();
  begins.resolve();
  const streams = await within(Promise.all(opening), "both to have a stream");
  assert.equal(server.connections.length, 1);
  for (const stream of streams) stream.release();
  await server.allGone();
});

Deno.test("AutoPool has those who wait for a server's choice share the failure, too", async () => {
  await using server = await startBackend(async (connection) => void await connection.readRest());
  let tries = 0;
  const tls = {
    secure: async () => {
      tries++;
      await new Promise((resolve) => setTimeout(resolve, 50));
      throw new Error("It does not shake hands");
    },
  } as unknown as TlsClient;
  const pool = new AutoPool(serverAt(server.port, tls), new Deadlines());
  const opening = [1, 2, 3].map(() => pool.open(ORIGIN, DIALING));
  for (const opened of opening) {
    await assert.rejects(opened, { code: "connect_failed" });
  }
  assert.equal(tries, 1);
});
