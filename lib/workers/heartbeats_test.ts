import assert from "node:assert/strict";
import { BEAT_MS, HANG_MS, Heartbeats } from "./heartbeats.ts";

function watched() {
  const hearts = new Heartbeats(2);
  const beats = new Int32Array(hearts.memory);
  const told: string[] = [];
  for (const worker of [0, 1]) {
    const tell = (what: string) => () => void told.push(`${worker} ${what}`);
    hearts.watch(worker, { quiet: tell("quiet"), back: tell("back"), hangs: tell("hangs") });
  }
  const looks = (ms: number, ...beating: number[]) => {
    for (let at = 0; at < ms; at += BEAT_MS) {
      for (const worker of beating) Atomics.add(beats, worker, 1);
      hearts.look();
    }
    return told.splice(0);
  };
  return { hearts, looks, [Symbol.dispose]: () => hearts[Symbol.dispose]() };
}

Deno.test("Heartbeats tell of a worker that hangs, once, and of no other", () => {
  using workers = watched();
  assert.deepEqual(workers.looks(60_000, 0, 1), []);
  assert.deepEqual(workers.looks(HANG_MS - BEAT_MS, 0), ["1 quiet"]);
  assert.deepEqual(workers.looks(BEAT_MS, 0), ["1 hangs"]);
  assert.deepEqual(workers.looks(60_000, 0), []);
});

Deno.test("Heartbeats tell of a worker that was only busy that it is back", () => {
  using workers = watched();
  assert.deepEqual(workers.looks(3_000, 1), ["0 quiet"]);
  assert.deepEqual(workers.looks(BEAT_MS, 0, 1), ["0 back"]);
  assert.deepEqual(workers.looks(1_500, 1), []);
  assert.deepEqual(workers.looks(BEAT_MS, 0, 1), []);
});

Deno.test("Heartbeats do not watch whom they were told to forget", () => {
  using workers = watched();
  workers.hearts.forget(0);
  assert.deepEqual(workers.looks(60_000, 1), []);
});
