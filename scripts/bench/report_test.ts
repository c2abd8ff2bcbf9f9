import assert from "node:assert/strict";
import { renderReport } from "./report.ts";
import type { Results } from "./results.ts";

const groups = [{
  title: "http mode",
  measures: [{ name: "CPU", digits: 1 }, { name: "memory", digits: 0 }, { name: "new", digits: 0 }],
  contenders: ["ours", "missing", "theirs"],
  baseline: "theirs",
}, {
  title: "tcp mode",
  measures: [{ name: "CPU", digits: 1 }],
  contenders: ["bytes"],
  baseline: "bytes",
}];

const CPU = { ours: { value: 44, ratio: 0.88 }, theirs: { value: 50 } };
const first = { date: "2026-11-28 10:00 UTC", facts: { machine: "a fast one" } };
const rows = [
  { table: "http mode", measure: "CPU", run: first.date, cells: CPU },
  { table: "http mode", measure: "memory", run: first.date, cells: { ours: { value: 7 } } },
];

Deno.test("renderReport() has rows and columns of what was measured, with ratios", () => {
  const results = { runs: [{ ...first, remarks: ["missing is left out"] }], rows };
  assert.equal(
    renderReport(results, groups),
    `- measured: 2026-11-28 10:00 UTC
- machine: a fast one

| http mode | ours | theirs |
| --- | ---: | ---: |
| CPU | 44.0 (0.88) | 50.0 |
| memory | 7 | - |

- missing is left out
`,
  );
});

Deno.test("renderReport() says which run a row is of, where there are more", () => {
  const second = { date: "2026-11-29 01:20 UTC", facts: { machine: "a slow one" } };
  const [old, other] = rows;
  assert.ok(old !== undefined && other !== undefined);
  const results: Results = {
    runs: [{ ...second, remarks: [] }, { ...first, remarks: ["missing is left out"] }],
    rows: [{ ...other, run: second.date }, old],
  };
  assert.equal(
    renderReport(results, groups),
    `- measured: 2026-11-29 01:20 UTC
- machine: a slow one

- measured: 2026-11-28 10:00 UTC
- machine: a fast one

| http mode | ours | theirs | measured |
| --- | ---: | ---: | --- |
| CPU | 44.0 (0.88) | 50.0 | 2026-11-28 10:00 UTC |
| memory | 7 | - | 2026-11-29 01:20 UTC |

- 2026-11-28 10:00 UTC: missing is left out
`,
  );
});
