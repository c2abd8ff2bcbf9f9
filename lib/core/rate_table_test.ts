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

/** Tables that tell each other what was taken. */
class Exchange {
  readonly tables: readonly RateTable[];

  constructor(count: number) {
    this.tables = Array.from({ length: count }, () => new RateTable(rateMemory({ told: true })));
    for (const table of this.tables) table.seed(new Uint8Array(8).fill(7));
  }

  meet(): void {
    const told = this.tables.map((table) => table.news(100));
    this.tables.forEach((table, at) => {
      for (const taken of told.filter((_, from) => from !== at).flat()) table.add(taken);
    });
  }
}

Deno.test("RateTable.add() takes what was taken elsewhere, as if it had been here", () => {
  const exchange = new Exchange(2);
  const [one, other] = exchange.tables as [RateTable, RateTable];
  assert.deepEqual([0, 1].map(() => one.take("a", RATE, 1000)), [0, 0]);
  exchange.meet();
  assert.equal(other.take("a", RATE, 1000), 0);
  assert.equal(other.take("a", RATE, 1000), 100);
  assert.equal(one.take("a", RATE, 1000), 0, "it has not been told");
  exchange.meet();
  // four were taken of three: the fourth is waited for
  for (const table of exchange.tables) assert.equal(table.take("a", RATE, 1050), 150);
  assert.deepEqual(one.news(100), []);
  for (const table of exchange.tables) assert.equal(table.take("b", RATE, 1050), 0);
});

Deno.test("RateTable.add() adds nothing for a bucket that is full again", () => {
  const exchange = new Exchange(2);
  const [one, other] = exchange.tables as [RateTable, RateTable];
  for (const now of [1000, 1100, 1200]) assert.equal(one.take("a", { ...RATE, burst: 1 }, now), 0);
  exchange.meet();
  assert.equal(other.take("a", { ...RATE, burst: 1 }, 1299), 1);
  assert.equal(other.take("a", { ...RATE, burst: 1 }, 1300), 0);
});

Deno.test("RateTable.news() is of so many clients at a time, and of each in its turn", () => {
  const table = new RateTable(rateMemory({ told: true }));
  for (let client = 0; client < 1000; client++) table.take(`client ${client}`, RATE, 1000);
  const keys = new Set<bigint>();
  for (let i = 0; i < 1000; i++) {
    const taken = table.news(10);
    assert.ok(taken.length < 10 + 8);
    for (const { key, sum, alone } of taken) {
      keys.add(key);
      assert.deepEqual([sum, alone], [100_000n, 1_100_000n]);
    }
  }
  assert.equal(keys.size, 1000);
});

Deno.test("RateTable without others keeps no log", () => {
  const table = new RateTable(rateMemory());
  assert.equal(table.take("a", RATE, 1000), 0);
  assert.deepEqual(table.news(100), []);
});

Deno.test("tables that meet hold a client to its rate, but for what they had not been told", () => {
  const MEET_MS = 100;
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.nat(10), fc.nat(2)), { minLength: 200, maxLength: 400 }),
    fc.integer({ min: 1, max: 4 }),
    (asks, burst) => {
      const exchange = new Exchange(3);
      let [now, met, allowed, most] = [1_000, 1_000, 0, 0];
      for (const [gap, at] of asks) {
        now += gap;
        for (; met + MEET_MS <= now; met += MEET_MS) exchange.meet();
        if (exchange.tables[at]?.take("a", { interval: 20, burst }, now) === 0) allowed++;
        most = Math.max(most, allowed - (now - 1_000) / 20);
      }
      // of each what it allows until they meet
      assert.ok(most <= 3 * (burst + MEET_MS / 20), `${most} of ${burst}`);
    },
  ));
});

Deno.test("tables that meet refuse no client that keeps well within its rate", () => {
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.integer({ min: 20, max: 60 }), fc.nat(2)), { maxLength: 400 }),
    (asks) => {
      const exchange = new Exchange(3);
      let [now, met] = [1_000, 1_000];
      for (const [gap, at] of asks) {
        now += gap;
        for (; met + 100 <= now; met += 100) exchange.meet();
        // a burst that is good for twice the time between two meetings
        assert.equal(exchange.tables[at]?.take("a", { interval: 20, burst: 10 }, now), 0);
      }
    },
  ));
});
