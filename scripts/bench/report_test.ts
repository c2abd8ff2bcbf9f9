import assert from "node:assert/strict";
import { median, percentile, renderReport, Samples } from "./report.ts";

Deno.test("median() does not care for order or outliers", () => {
  assert.equal(median([3, 900, 1]), 3);
  assert.equal(median([4, 1, 2, 900]), 3);
  assert.equal(median([7]), 7);
  assert.equal(median([]), undefined);
});

Deno.test("percentile() is a value that was measured", () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index);
  assert.equal(percentile(values, 50), 100);
  assert.equal(percentile(values, 99), 198);
  assert.equal(percentile([7], 99), 7);
  assert.ok(Number.isNaN(percentile([], 50)));
});

Deno.test("renderReport() has a row for each measure, with ratios to the baseline", () => {
  const samples = new Samples();
  [40, 44, 99].forEach((value, round) => {
    samples.add(value, { contender: "ours", measure: "CPU", round });
    samples.add(round === 2 ? 100 : 50, { contender: "theirs", measure: "CPU", round });
  });
  samples.add(7, { contender: "ours", measure: "memory", round: 0 });
  const report = renderReport({
    facts: new Map([["machine", "a fast one"]]),
    groups: [{ title: "http mode", contenders: ["ours", "theirs"], baseline: "theirs" }],
    measures: [{ name: "CPU", digits: 1 }, { name: "memory", digits: 0 }],
    samples,
    skipped: ["other is left out"],
    troubles: [],
  });
  assert.equal(
    report,
    `- machine: a fast one

| http mode | ours | theirs |
| --- | ---: | ---: |
| CPU | 44.0 (0.88) | 50.0 |
| memory | 7 | - |

- other is left out
`,
  );
});
