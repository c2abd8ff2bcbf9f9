import assert from "node:assert/strict";
import fc from "fast-check";
import type { Balancer, Candidate } from "./balancer.ts";
import { LeastConnections } from "./least_connections.ts";
import { RandomOfTwo } from "./random_of_two.ts";
import { SmoothRoundRobin } from "./smooth_round_robin.ts";
import { SourceHash } from "./source_hash.ts";

interface TestCandidate extends Candidate {
  open: boolean;
  load: number;
}

function candidate(id: string, given: Partial<TestCandidate> = {}): TestCandidate {
  const weight = given.weight ?? 1;
  return { id, open: true, weight, currentWeight: weight, load: 0, credit: 0, ...given };
}

/** The ids of so many picks in a row. */
function picks(balancer: Balancer, candidates: readonly TestCandidate[], count: number): string {
  return Array.from({ length: count }, () => balancer.pick(candidates, "c")?.id ?? "-").join("");
}

const BALANCERS: readonly (() => Balancer)[] = [
  () => new SmoothRoundRobin(),
  () => new LeastConnections(),
  () => new RandomOfTwo(),
  () => new SourceHash(),
];

const CANDIDATES = fc.array(
  fc.record({
    open: fc.boolean(),
    weight: fc.integer({ min: 1, max: 20 }),
    load: fc.integer({ min: 0, max: 50 }),
  }),
  { maxLength: 12 },
).map((all) => all.map((given, index) => candidate(String(index), given)));

for (const create of BALANCERS) {
  const balancer = create();
  const { name } = balancer.constructor;

  Deno.test(`${name} picks one that is open where there is one, and else none`, () => {
    fc.assert(fc.property(CANDIDATES, fc.string(), (candidates, client) => {
      const open = candidates.filter(({ open }) => open);
      for (let i = 0; i < 5; i++) {
        const picked = balancer.pick(candidates, client);
        if (open.length === 0) assert.equal(picked, undefined);
        else assert.ok(picked !== undefined && open.includes(picked));
      }
    }));
  });
}

Deno.test("SmoothRoundRobin spreads the turns of each over the round", () => {
  const [a, b, c] = [candidate("a", { weight: 5 }), candidate("b"), candidate("c")];
  // the example in nginx's own change of this name
  assert.equal(picks(new SmoothRoundRobin(), [a, b, c], 14), "aabacaaaabacaa");
});

Deno.test("SmoothRoundRobin gives each exactly its weight in every round", () => {
  const weights = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 8 });
  fc.assert(fc.property(weights, fc.integer({ min: 1, max: 3 }), (weights, rounds) => {
    const all = weights.map((weight, index) => candidate(String(index), { weight }));
    const balancer = new SmoothRoundRobin();
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (let round = 0; round < rounds; round++) {
      const turns = weights.map(() => 0);
      for (let i = 0; i < total; i++) {
        const index = Number(balancer.pick(all)?.id);
        turns[index] = (turns[index] ?? 0) + 1;
      }
      assert.deepEqual(turns, weights);
    }
  }));
});

Deno.test("SmoothRoundRobin passes over one that is closed, and owes it nothing", () => {
  const [a, b, c] = [candidate("a"), candidate("b"), candidate("c")];
  const balancer = new SmoothRoundRobin();
  assert.equal(picks(balancer, [a, b, c], 3), "abc");
  b.open = false;
  assert.equal(picks(balancer, [a, b, c], 100), "ac".repeat(50));
  b.open = true;
  assert.equal(picks(balancer, [a, b, c], 6), "abcabc");
});

const LOADS: readonly [loads: [number, number, number], weights: number[], picked: string][] = [
  [[2, 1, 3], [1, 1, 1], "b"],
  [[0, 1, 1], [1, 1, 1], "a"],
  [[4, 2, 9], [2, 1, 5], "c"],
  [[1, 0, 0], [4, 1, 1], "a"],
];

Deno.test("LeastConnections picks who has least for its weight", () => {
  for (const [loads, weights, picked] of LOADS) {
    const all = ["a", "b", "c"].map((id, i) =>
      candidate(id, { load: loads[i] ?? 0, weight: weights[i] ?? 1 })
    );
    for (let i = 0; i < 3; i++) assert.equal(new LeastConnections().pick(all)?.id, picked);
  }
});

Deno.test("LeastConnections lets those with equally little take turns", () => {
  const all = ["a", "b", "c"].map((id) => candidate(id));
  assert.equal(picks(new LeastConnections(), all, 6), "abcabc");
});

Deno.test("LeastConnections gives nobody the turns of one that is closed", () => {
  const all = ["a", "b", "c", "d"].map((id) => candidate(id, { open: id !== "b" }));
  assert.equal(picks(new LeastConnections(), all, 6), "acdacd");
});

Deno.test("LeastConnections gives those who have nothing to do turns by weight", () => {
  const all = [candidate("a", { weight: 3 }), candidate("b"), candidate("c", { weight: 2 })];
  assert.equal(picks(new LeastConnections(), all, 12), "acabcaacabca");
  // one that starts slowly has its part of them, too
  const slow = [candidate("a"), candidate("b", { currentWeight: 0.25 })];
  assert.equal(picks(new LeastConnections(), slow, 10), "aabaaaabaa");
  const busy = [candidate("a", { load: 1 }), candidate("b"), candidate("c")];
  assert.equal(picks(new LeastConnections(), busy, 4), "bcbc");
  // who all have as much to do take turns as they stand
  const alike = ["a", "b", "c"].map((id) => candidate(id, { load: 1 }));
  assert.equal(picks(new LeastConnections(), alike, 6), "abcabc");
});

Deno.test("LeastConnections fills servers in proportion to their weights", () => {
  const all = [candidate("a", { weight: 3 }), candidate("b"), candidate("c", { weight: 2 })];
  const balancer = new LeastConnections();
  for (let i = 0; i < 600; i++) {
    const picked = balancer.pick(all);
    assert.ok(picked !== undefined);
    picked.load++;
  }
  assert.deepEqual(all.map(({ load }) => load), [300, 100, 200]);
});

Deno.test("RandomOfTwo takes the less busy of the two it draws", () => {
  const all = ["a", "b", "c"].map((id, load) => candidate(id, { load }));
  const drawing = (...numbers: number[]) => new RandomOfTwo(() => numbers.shift() ?? 0);
  assert.equal(drawing(0.9, 0.4).pick(all)?.id, "b");
  assert.equal(drawing(0.4, 0.9).pick(all)?.id, "b");
  assert.equal(drawing(0.99, 0.99).pick(all)?.id, "c");
  assert.equal(drawing(0.99, 0).pick(all)?.id, "a");
  // what is closed has no part of the draw
  const some = [candidate("a", { open: false, weight: 100 }), candidate("b"), candidate("c")];
  assert.deepEqual(
    [0, 0.49, 0.5, 0.99].map((number) => drawing(number, number).pick(some)?.id),
    ["b", "b", "c", "c"],
  );
});

Deno.test("RandomOfTwo draws by weight", () => {
  let seed = 1;
  // a fixed sequence (Park and Miller's), so that the outcome is one
  const random = () => (seed = seed * 48271 % 2147483647) / 2147483647;
  const all = [candidate("a", { weight: 3 }), candidate("b")];
  const balancer = new RandomOfTwo(random);
  const drawn = () => picks(balancer, all, 4000).split("a").length - 1;
  const idle = drawn();
  assert.ok(idle > 2900 && idle < 3100, String(idle));
  // of the two drawn, the one of more weight is the less busy: a unless both are b, 15 in 16
  for (const candidate of all) candidate.load = 1;
  const busy = drawn();
  assert.ok(busy > 3650 && busy < 3850, String(busy));
});

/** How many of these clients go where. */
function placesOf(all: readonly TestCandidate[], clients: readonly string[]): string[] {
  const balancer = new SourceHash();
  return clients.map((client) => balancer.pick(all, client)?.id ?? "-");
}

const CLIENTS = Array.from({ length: 4000 }, (_, i) => `10.${i % 7}.${i >> 8}.${i & 255}`);

Deno.test("SourceHash moves only the clients of one that leaves", () => {
  fc.assert(fc.property(fc.integer({ min: 2, max: 10 }), fc.nat(), (count, nth) => {
    const all = Array.from({ length: count }, (_, i) => candidate(`10.0.0.${i}:80`));
    const before = placesOf(all, CLIENTS.slice(0, 500));
    const gone = all[nth % count];
    assert.ok(gone !== undefined);
    gone.open = false;
    const after = placesOf(all, CLIENTS.slice(0, 500));
    for (const [i, place] of before.entries()) {
      if (place === gone.id) assert.notEqual(after[i], gone.id);
      else assert.equal(after[i], place);
    }
  }));
});

Deno.test("SourceHash takes only what one that comes is to have", () => {
  const all = Array.from({ length: 4 }, (_, i) => candidate(`10.0.0.${i}:80`));
  const before = placesOf(all, CLIENTS);
  const after = placesOf([...all, candidate("10.0.0.9:80")], CLIENTS);
  const moved = after.filter((place, i) => place !== before[i]);
  assert.deepEqual(new Set(moved), new Set(["10.0.0.9:80"]));
  assert.ok(Math.abs(moved.length - 800) < 120, String(moved.length));
});

Deno.test("SourceHash spreads clients by weight", () => {
  const weights = [1, 2, 5];
  const all = weights.map((weight, i) => candidate(`10.0.0.${i}:80`, { weight }));
  const places = placesOf(all, CLIENTS);
  for (const [i, weight] of weights.entries()) {
    const count = places.filter((place) => place === all[i]?.id).length;
    assert.ok(Math.abs(count - 500 * weight) < 150, `${count} of weight ${weight}`);
  }
});
