import assert from "node:assert/strict";
import { within } from "../../tests/support/deadline.ts";
import type { ControlProcedures } from "./messages.ts";
import type { PortGroups } from "./port_groups.ts";
import { WorkerPool } from "./worker_pool.ts";
import type { WorkerThread } from "./worker_thread.ts";

/** A thread that does what it is asked for, but for `drop`, of which it dies. */
const PROGRAM = `data:application/javascript,${
  encodeURIComponent(`
    onmessage = ({ data: { id, name } }) => {
      if (name === "drop") throw new Error("as it was asked to");
      postMessage({ kind: "result", id, value: undefined });
    };
  `)
}`;

/** A pool of one worker, and what becomes of it. @param catchUp what each in turn does at last */
function poolOf(catchUp: (worker: WorkerThread, started: number) => Promise<void>) {
  const told: string[] = [];
  const next = Promise.withResolvers<void>();
  let started = 0;
  let beats: ReturnType<typeof setInterval> | undefined;
  const pool = new WorkerPool({
    ...{ size: 1, program: PROGRAM, canSilence: true },
    ports: { avoid: () => {} } as unknown as PortGroups,
    control: () => ({}) as ControlProcedures,
    start: (worker, memory) => {
      beats ??= setInterval(() => Atomics.add(new Int32Array(memory), 0, 1), 100);
      const nth = ++started;
      const caughtUp = () => {
        if (nth === 2) next.resolve();
        return catchUp(worker, nth);
      };
      return { listening: Promise.resolve(), catchUp: caughtUp };
    },
    onListening: () => {},
    onLost: (index) => void told.push(`lost ${index}`),
    observe: ({ kind }) => void told.push(kind),
  });
  return {
    ...{ pool, told, next: next.promise },
    [Symbol.dispose]: () => {
      clearInterval(beats);
      pool.end();
    },
  };
}

Deno.test("WorkerPool replaces one that dies while it catches up, and once", async () => {
  using one = poolOf(async (worker, started) => {
    if (started === 1) await worker.channel.call("drop", undefined);
  });
  await one.pool.start();
  await within(one.next, "another worker");
  assert.deepEqual(one.told, ["lost 0", "worker_died"]);
  assert.equal(one.pool.serving.length, 1);
  assert.equal(one.pool.died, 1);
});

Deno.test("WorkerPool begins none that has yet to begin when the proxy is to stop", async () => {
  using one = poolOf(() => Promise.resolve());
  one.pool.beginNoMore();
  await assert.rejects(one.pool.start(), { code: "draining" });
  assert.deepEqual([one.told, one.pool.serving], [[], []]);
});

Deno.test("WorkerPool has none serve that it has ended as it could not catch up", async () => {
  using one = poolOf(() => Promise.reject(new Error("it cannot")));
  await assert.rejects(one.pool.start(), /it cannot/);
  assert.deepEqual(one.told, ["lost 0"]);
  assert.deepEqual(one.pool.serving, []);
});
