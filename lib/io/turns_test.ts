import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { eventually } from "../../tests/support/deadline.ts";
import { afterReading, afterSending, inTurn, TurnTaker } from "./turns.ts";

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

Deno.test("afterSending() has who sends much wait, in order, and loses nobody", async () => {
  /** Ends the turn that others have begun. */
  const turnOver = () => new Promise<void>((resolve) => afterSending(64 * 1024, resolve));
  await turnOver();
  const went: string[] = [];
  afterSending(1000, () => went.push("little"));
  assert.deepEqual(went, ["little"]);
  afterSending(64 * 1024, () => went.push("much"));
  afterSending(16 * 1024, () => went.push("behind"));
  afterSending(1000, () => went.push("little again"));
  await Promise.resolve();
  assert.deepEqual(went, ["little", "little again"]);
  await turnOver();
  assert.deepEqual(went, ["little", "little again", "much", "behind"]);
  afterSending(16 * 1024, () => went.push("anew"));
  assert.equal(went.at(-1), "anew");
});

Deno.test("afterSending() lets the rest of the program run between much that is sent", async () => {
  const ROUNDS = 100;
  let turns = 0;
  let rounds = 0;
  const count = () => {
    turns++;
    if (rounds < ROUNDS) setImmediate(count);
  };
  setImmediate(count);
  while (rounds < ROUNDS) {
    await new Promise<void>((resolve) => afterSending(64 * 1024, resolve));
    rounds++;
  }
  assert.ok(turns >= ROUNDS / 2, `${turns} turns in ${ROUNDS} sends`);
});

Deno.test("afterReading() has who reads much wait for others, and who reads little for nobody", async () => {
  const turnOver = () => new Promise<void>((resolve) => afterSending(64 * 1024, resolve));
  await turnOver();
  const went: string[] = [];
  afterReading(64 * 1024, () => went.push("much"));
  afterReading(64 * 1024, () => went.push("more"));
  afterReading(1000, () => went.push("little"));
  await Promise.resolve();
  assert.deepEqual(went, ["much", "little"]);
  await turnOver();
  assert.deepEqual(went, ["much", "little", "more"]);
  afterReading(64 * 1024, () => went.push("anew"));
  assert.equal(went.at(-1), "anew");
});

Deno.test("afterReading() lets the runtime ask what has come, though what was read is much work", async () => {
  const work = () => {
    for (const until = performance.now() + 6; performance.now() < until;);
  };
  const rounds: number[] = [];
  for (let connection = 0; connection < 5; connection++) {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    let isOver = false;
    const come = Promise.all([
      listener.accept(),
      Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
    ]).then((ends) => {
      isOver = true;
      for (const end of ends) end.close();
    });
    let round = 0;
    for (; !isOver; round++) {
      work();
      await new Promise<void>((resolve) => afterReading(128 * 1024, resolve));
    }
    rounds.push(round);
    await come;
  }
  const [, , median = NaN] = rounds.toSorted((a, b) => a - b);
  assert.ok(median <= 5, `${rounds} times 6 ms of work until somebody is let in`);
});
