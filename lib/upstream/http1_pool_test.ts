import assert from "node:assert/strict";
import { eventually, pause } from "../../tests/support/deadline.ts";
import { type TcpPair, tcpPair } from "../../tests/support/tcp_pair.ts";
import { Deadlines } from "../io/deadlines.ts";
import { Http1Pool } from "./http1_pool.ts";
import type { PoolOptions } from "./pooled_server.ts";
import { Http1Connection } from "./http1_connection.ts";

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };
const LIMITS = { headerBytes: 1024, headers: 10 };

interface Idle {
  readonly pair: TcpPair;
  readonly connection: Http1Connection;
}

async function open(): Promise<Idle> {
  const pair = await tcpPair();
  const home = { mayPool: true, put: () => {} };
  const deadline = new Deadlines().watch();
  return {
    pair,
    connection: new Http1Connection(pair.connection, { home, limits: LIMITS, deadline }),
  };
}

function openPool(options: PoolOptions): Http1Pool {
  const endpoint = { kind: "tcp", host: "192.0.2.1", port: 1 } as const;
  return new Http1Pool({ ...options, endpoint, mayPool: true }, new Deadlines());
}

function openAll(count: number): Promise<Idle[]> {
  return Promise.all(Array.from({ length: count }, open));
}

async function dispose(all: readonly Idle[]): Promise<void> {
  for (const { pair } of all) await pair[Symbol.asyncDispose]();
}

/** Which of them have been closed here, in the order in which it was seen. */
function watchGone(all: readonly Idle[]): number[] {
  const gone: number[] = [];
  all.forEach(({ pair }, i) => void pair.far.untilGone().then(() => gone.push(i)));
  return gone;
}

function untilGone(gone: readonly number[], count: number): Promise<true> {
  return eventually(
    () => Promise.resolve(gone.length >= count ? true : undefined),
    `${count} to have been closed`,
  );
}

Deno.test(
  "Http1Pool gives the connection that was used last, and nothing when it has none",
  SANITIZED,
  async () => {
    const pool = openPool({ maxIdle: 2, idleTimeout: 60_000 });
    const all = await openAll(2);
    for (const { connection } of all) pool.put(connection);
    const taken = [pool.take(false), pool.take(false), pool.take(false)];
    assert.deepEqual(taken, [all[1]?.connection, all[0]?.connection, undefined]);
    for (const { connection } of all) connection.abort();
    await dispose(all);
  },
);

Deno.test(
  "Http1Pool closes the oldest beyond its limit when nobody has needed them for a second",
  SANITIZED,
  async () => {
    const pool = openPool({ maxIdle: 2, idleTimeout: 60_000 });
    const all = await openAll(6);
    const gone = watchGone(all);
    for (const { connection } of all) pool.put(connection);
    // some of them are needed now and then
    const busy = setInterval(() => {
      const taken = [pool.take(false), pool.take(false), pool.take(false)];
      for (const connection of taken.reverse()) {
        if (connection instanceof Http1Connection) pool.put(connection);
      }
    }, 20);
    await untilGone(gone, 1);
    assert.equal(pool.idleCount, 5);
    await pause(1_500);
    clearInterval(busy);
    // three are needed, and two may be idle
    assert.deepEqual(gone, [0]);
    await untilGone(gone, 4);
    assert.deepEqual(gone.toSorted(), [0, 1, 2, 3]);
    assert.equal(pool.idleCount, 2);
    pool.close();
    assert.equal(pool.idleCount, 0);
    await dispose(all);
  },
);

Deno.test(
  "Http1Pool keeps none where none is to be kept, nor once it is closed",
  SANITIZED,
  async () => {
    const none = openPool({ maxIdle: 0, idleTimeout: 60_000 });
    const closed = openPool({ maxIdle: 2, idleTimeout: 60_000 });
    closed.close();
    const all = await openAll(2);
    const gone = watchGone(all);
    all.forEach(({ connection }, i) => [none, closed][i]?.put(connection));
    assert.deepEqual([none.take(false), closed.take(false)], [undefined, undefined]);
    await untilGone(gone, 2);
    await dispose(all);
  },
);

Deno.test("Http1Pool lets go of a connection that its server has closed", SANITIZED, async () => {
  const pool = openPool({ maxIdle: 1, idleTimeout: 60_000 });
  const all = await openAll(3);
  for (const { connection } of all) pool.put(connection);
  await all[0]?.pair.far.end();
  await eventually(() => Promise.resolve(pool.idleCount === 2 ? true : undefined), "it to be seen");
  const gone = watchGone(all.slice(1));
  // the two that are left are idle all the time, and one of them is kept
  await untilGone(gone, 1);
  assert.deepEqual(gone, [0]);
  assert.equal(pool.take(false), all[2]?.connection);
  all[2]?.connection.abort();
  pool.close();
  await dispose(all);
});
