import assert from "node:assert/strict";
import fc from "fast-check";
import { HealthCounter, type HealthState, type Outcome } from "./health.ts";

const OUTCOME: Readonly<Record<string, Outcome>> = { "+": "passed", "-": "failed", "!": "refused" };

/** With rise 2 and fall 3: outcomes, the state after each, and whether it is changing. */
const RUNS: readonly [outcomes: string, states: string, changing: string][] = [
  // p pending, u up, d down; c changing, . not
  ["+", "u", "."],
  ["---", "ppd", "cc."],
  ["!", "d", "."],
  ["+--+--+", "uuuuuuu", ".cc.cc."],
  ["+---", "uuud", ".cc."],
  ["+!", "ud", ".."],
  ["+-!", "uud", ".c."],
  ["!+-++", "ddddu", ".c.c."],
  ["!+!++", "ddddu", ".c.c."],
  ["!-!", "ddd", "..."],
  ["!++--+---", "dduuuuuud", ".c.cc.cc."],
  ["-+--", "puuu", "c.cc"],
];

for (const [outcomes, states, changing] of RUNS) {
  Deno.test(`HealthCounter turns ${outcomes} into ${states}`, () => {
    const counter = new HealthCounter({ rise: 2, fall: 3 });
    const seen = [...outcomes].map((symbol) => {
      const before = counter.state;
      const changed = counter.record(OUTCOME[symbol] ?? "passed");
      assert.equal(changed, counter.state === before ? undefined : counter.state);
      return { state: counter.state[0], changing: counter.changing ? "c" : "." };
    });
    assert.equal(seen.map(({ state }) => state).join(""), states);
    assert.equal(seen.map(({ changing }) => changing).join(""), changing);
  });
}

Deno.test("HealthCounter starts pending and changing", () => {
  const counter = new HealthCounter({ rise: 2, fall: 3 });
  assert.deepEqual([counter.state, counter.changing], ["pending", true]);
});

Deno.test("HealthCounter is what the last outcomes say, whatever came before", () => {
  const outcomes = fc.array(fc.constantFrom<Outcome>("passed", "failed", "refused"));
  const rules = fc.record({
    rise: fc.integer({ min: 1, max: 5 }),
    fall: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(fc.property(outcomes, rules, (before, rules) => {
    const after = (outcome: Outcome, times: number): HealthState => {
      const counter = new HealthCounter(rules);
      for (const past of before) counter.record(past);
      for (let i = 0; i < times; i++) counter.record(outcome);
      return counter.state;
    };
    assert.equal(after("passed", rules.rise), "up");
    assert.equal(after("failed", rules.fall), "down");
    assert.equal(after("refused", 1), "down");
  }));
});
