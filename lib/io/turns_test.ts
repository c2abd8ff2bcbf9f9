import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { afterReading, afterSending } from "./turns.ts";

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
