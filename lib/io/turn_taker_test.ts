import assert from "node:assert/strict";
import { eventually } from "../../tests/support/deadline.ts";
import { inTurn, TurnTaker } from "./turn_taker.ts";

Deno.test("inTurn() starts some at once and the others in order, a bounded number at a time", async () => {
  const started: number[] = [];
  const TOTAL = 500;
  for (let i = 0; i < TOTAL; i++) inTurn(() => void started.push(i));
  const atOnce = started.length;
  assert.ok(atOnce <= 64, `${atOnce} at once`);
  for (let before = atOnce; before < TOTAL;) {
    await eventually(
      () => Promise.resolve(started.length > before ? true : undefined),
      "the next turn",
    );
    before = started.length;
  }
  assert.deepEqual(started, Array.from({ length: TOTAL }, (_, i) => i));
});

Deno.test("inTurn() goes on when what it starts asks for another turn", async () => {
  const counts = new Array<number>(200).fill(0);
  const TIMES = 20;
  const done = Promise.withResolvers<void>();
  let left = counts.length * TIMES;
  const go = (who: number) =>
    inTurn(() => {
      counts[who] = (counts[who] ?? 0) + 1;
      // nobody is ahead of anybody by more than a round
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 2, counts.join());
      if (--left === 0) return done.resolve();
      if ((counts[who] ?? 0) < TIMES) queueMicrotask(() => go(who));
    });
  counts.forEach((_, who) => go(who));
  await done.promise;
  assert.deepEqual(counts, counts.map(() => TIMES));
});

Deno.test("inTurn() starts the rest though what was started asks for nothing", async () => {
  const all = Array.from({ length: 300 }, () => new Promise<void>((resolve) => inTurn(resolve)));
  await Promise.all(all);
});

Deno.test("TurnTaker keeps nobody waiting while few are busy, and bounds what a crowd begins", async () => {
  /** Has each of so many take a turn, over and over, and gives the most that began at once. */
  const play = async (count: number, rounds: number): Promise<number> => {
    const takers = Array.from({ length: count }, () => new TurnTaker());
    let most = 0;
    for (let round = 0; round < rounds; round++) {
      let started = 0;
      const all = takers.map((taker) =>
        new Promise<void>((resolve) => taker.take(() => (started++, resolve())))
      );
      most = round < rounds / 2 ? 0 : Math.max(most, started);
      await Promise.all(all);
    }
    return most;
  };
  assert.equal(await play(100, 50), 100);
  assert.ok(await play(600, 6) <= 64);
  // once the crowd has gone
  assert.equal(await play(100, 80), 100);
});
