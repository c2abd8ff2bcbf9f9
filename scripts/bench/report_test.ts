import assert from "node:assert/strict";
import { renderReport, Samples } from "./report.ts";

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
