import assert from "node:assert/strict";
import fc from "fast-check";
import { rateMemory, RateTable } from "./rate_table.ts";

const RATE = { interval: 100, burst: 3 };

Deno.test("RateTable.take() gives a burst at once, then one each interval", () => {
  const table = new RateTable(rateMemory());
  const take = (now: number) => table.take("a", RATE, now);
  assert.deepEqual([take(1000), take(1000), take(1000)], [0, 0, 0]);
  assert.equal(take(1000), 100);
  assert.equal(take(1060), 40);
  assert.equal(take(1100), 0);
  assert.equal(take(1100), 100);
  assert.equal(table.take("b", RATE, 1100), 0);
  // after a rest all of the burst is there again, and no more
  assert.deepEqual([take(9000), take(9000), take(9000), take(9000)], [0, 0, 0, 100]);
});

Deno.test("RateTable counts for all who share its memory", () => {
  const memory = rateMemory();
  const [one, other] = [new RateTable(memory), new RateTable(memory)];
  assert.deepEqual([0, 1, 2].map(() => one.take("a", RATE, 5)), [0, 0, 0]);
  assert.equal(other.take("a", RATE, 5), 100);
});

Deno.test("RateTable.take() never allows more than burst and rate do", () => {
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 200 }),
    fc.integer({ min: 1, max: 10 }),
    (gaps, burst) => {
      const table = new RateTable(rateMemory());
      let [now, allowed] = [1_000, 0];
      for (const gap of gaps) {
        now += gap;
        if (table.take("a", { interval: 20, burst }, now) === 0) allowed++;
        assert.ok(allowed <= burst + (now - 1_000) / 20);
      }
    },
  ));
});

Deno.test("RateTable does not grow, and lets those go first whose buckets are full", () => {
  const table = new RateTable(rateMemory());
  const rate = { interval: 1_000, burst: 1 };
  assert.equal(table.take("kept", rate, 100_000), 0);
  for (let i = 0; i < 50_000; i++) table.take(`old ${i}`, { interval: 1, burst: 1 }, 100_000 - 5);
  assert.ok(table.take("kept", rate, 100_500) > 0, "strangers at rest have taken its place");
  for (let i = 0; i < 1_000_000; i++) table.take(`new ${i}`, rate, 100_500);
});
