import assert from "node:assert/strict";
import { type Group, Samples } from "./findings.ts";
import { merged, NOTHING, type Results, resultsOf } from "./results.ts";

const groups: readonly Group[] = [{
  title: "http mode",
  measures: [{ name: "CPU", digits: 1 }, { name: "memory", digits: 0 }],
  contenders: ["ours", "theirs"],
  baseline: "theirs",
}];

function found(values: readonly (readonly [contender: string, measure: string, value: number])[]) {
  const samples = new Samples();
  for (const [contender, measure, value] of values) {
    samples.add(value, { contender, measure, round: 1 });
  }
  const facts = new Map([["machine", "a fast one"]]);
  return { facts, groups, samples, skipped: ["other is left out"], troubles: ["it broke"] };
}

Deno.test("resultsOf() has a row for what was measured, with ratios to the baseline", () => {
  const findings = found([["ours", "CPU", 44.123456], ["theirs", "CPU", 50], [
    "ours",
    "memory",
    NaN,
  ]]);
  const date = "2026-11-29 01:20 UTC";
  assert.deepEqual(resultsOf(findings, new Date("2026-11-29T01:20:59Z")), {
    runs: [{ date, facts: { machine: "a fast one" }, remarks: ["other is left out", "it broke"] }],
    rows: [{
      ...{ table: "http mode", measure: "CPU", run: date },
      cells: { ours: { value: 44.123, ratio: 0.88247 }, theirs: { value: 50 } },
    }],
  });
});

Deno.test("merged() keeps rows that were not measured again, with their run", () => {
  const old = resultsOf(
    found([["ours", "CPU", 1], ["theirs", "CPU", 1], ["ours", "memory", 1]]),
    new Date("2026-11-28T10:00Z"),
  );
  const fresh = resultsOf(found([["ours", "CPU", 2]]), new Date("2026-11-29T01:20Z"));
  const both = merged(old, fresh, groups);
  const [newDate, oldDate] = ["2026-11-29 01:20 UTC", "2026-11-28 10:00 UTC"];
  assert.deepEqual(both.runs.map(({ date }) => date), [newDate, oldDate]);
  assert.deepEqual(
    both.rows.map(({ measure, run, cells }) => [measure, run, cells]),
    [
      // whole: the other's figure was of another run
      ["CPU", newDate, { ours: { value: 2 } }],
      ["memory", oldDate, { ours: { value: 1 } }],
    ],
  );
  assert.deepEqual(merged(NOTHING, fresh, groups), fresh);
});

Deno.test("merged() drops rows that no table has any more, and runs without rows", () => {
  const old: Results = {
    runs: [{ date: "long ago", facts: {}, remarks: [] }],
    rows: [{ table: "http mode", measure: "speed", run: "long ago", cells: {} }],
  };
  assert.deepEqual(merged(old, NOTHING, groups), NOTHING);
});
