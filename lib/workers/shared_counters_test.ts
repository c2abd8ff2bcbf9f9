import assert from "node:assert/strict";
import fc from "fast-check";
import { counterMemory, SharedCounters } from "./shared_counters.ts";

function both() {
  const memory = counterMemory(2);
  return [new SharedCounters(memory, 0), new SharedCounters(memory, 1)] as const;
}

Deno.test("SharedCounters count by name together, and forget what a worker had", () => {
  const [first, second] = both();
  const [a, b] = [first.count("server app 127.0.0.1:1"), second.count("server app 127.0.0.1:1")];
  const other = second.count("server app 127.0.0.1:2");
  assert.deepEqual([a.add(2), b.add(3), other.add(1)], [2, 5, 1]);
  assert.deepEqual([a.value, b.value, other.value], [5, 5, 1]);
  assert.equal(b.add(-1), 4);
  second.forget();
  assert.deepEqual([a.value, b.value, other.value], [2, 2, 0]);
  assert.equal(b.add(1), 3);
});

Deno.test("SharedCounters never count a key too low, and seldom too high", () => {
  const [first, second] = both();
  const [a, b] = [first.byKey("listener"), second.byKey("listener")];
  const keys = Array.from({ length: 10_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
  keys.forEach((key, i) => (i % 2 === 0 ? a : b).add(key, 1));
  const counts = keys.map((key) => a.add(key, 1) - 1);
  for (const key of keys) a.add(key, -1);
  assert.ok(counts.every((count) => count >= 1));
  assert.ok(counts.filter((count) => count > 1).length < keys.length / 20);
  second.forget();
  assert.ok(b.add(keys[1] ?? "", 1) <= 2, "it has forgotten what the other had");
});

Deno.test("SharedCounters let nobody choose whose places a key shares", () => {
  const keys = Array.from({ length: 10_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
  const tooHigh = () => {
    const [counters] = both();
    const byKey = counters.byKey("listener");
    for (const key of keys) byKey.add(key, 1);
    return keys.filter((key) => byKey.add(key, 0) > 1);
  };
  // some two hundred each
  assert.notDeepEqual(tooHigh(), tooHigh());
});

Deno.test("SharedCounters give names places of their own, until there are none", () => {
  const [first, second] = both();
  // as many as a name has addresses in months, where each pod has one of its own
  const counts = Array.from({ length: 50_000 }, (_, i) => first.count(`name ${i}`));
  counts.forEach((count, i) => count.add(i));
  // of so many there may be one whose hash is another's
  const own = counts.filter((count, i) => count.value === i);
  assert.ok(own.length > counts.length - 10, String(own.length));
  assert.equal(second.count("name 7").value, 7);
  assert.ok([49_999, 49_998].some((i) => second.count(`name ${i}`).value === i));
  // what is beyond is each worker's own
  for (let i = 50_000; i < 65_600; i++) first.count(`name ${i}`);
  first.count("beyond").add(1);
  assert.equal(second.count("beyond").value, 0);
});

Deno.test("SharedCounters come back to where they were", () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.constantFrom("a", "b", "c")));
  fc.assert(
    fc.property(steps, (steps) => {
      const [first, second] = both();
      const undo = steps.map(([which, key]) => {
        const counters = which ? first : second;
        counters.count(key).add(1);
        counters.byKey("keys").add(key, 1);
        return () => [counters.count(key).add(-1), counters.byKey("keys").add(key, -1)];
      });
      for (const step of undo) step();
      for (const key of ["a", "b", "c"]) {
        assert.deepEqual([first.count(key).value, second.byKey("keys").add(key, 0)], [0, 0]);
      }
    }),
    { numRuns: 20 },
  );
});
