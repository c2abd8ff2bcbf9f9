import assert from "node:assert/strict";
import fc from "fast-check";
import { Roster, type RosterEntry } from "./roster.ts";

Deno.test("Roster keeps things in the order in which they came, as a Set does", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(12), { maxLength: 60 }), (steps) => {
      const roster = new Roster<number>();
      const entries = new Map<number, RosterEntry<number>>();
      const model = new Set<number>();
      for (const value of steps) {
        const entry = entries.get(value);
        if (entry !== undefined && model.has(value)) {
          assert.equal(roster.remove(entry), true);
          assert.equal(roster.remove(entry), false);
          model.delete(value);
        } else {
          entries.set(value, roster.add(value));
          model.add(value);
        }
        assert.deepEqual(roster.values(), [...model]);
        assert.equal(roster.size, model.size);
        assert.equal(roster.first, [...model][0]);
      }
    }),
  );
});

Deno.test("Roster tells each time that it is empty", async () => {
  const roster = new Roster<number>();
  await roster.whenEmpty();
  for (const round of [1, 2]) {
    const [first, second] = [roster.add(round), roster.add(-round)];
    let isEmpty = false;
    const empty = roster.whenEmpty().then(() => isEmpty = true);
    roster.remove(first);
    await Promise.resolve();
    assert.equal(isEmpty, false);
    roster.remove(second);
    await empty;
  }
});

Deno.test("Roster takes out only what stands in it", () => {
  const [a, b] = [new Roster<number>(), new Roster<number>()];
  const entry = a.add(1);
  b.add(2);
  assert.equal(b.remove(entry), false);
  assert.deepEqual([a.values(), b.values()], [[1], [2]]);
});
