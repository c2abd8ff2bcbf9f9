import type { Group } from "./findings.ts";
import { type Cell, type Results, rowOf } from "./results.ts";

/** Results in Markdown: what they were found with, a table for each group, remarks. */
export function renderReport(results: Results, groups: readonly Group[]): string {
  const { runs } = results;
  const facts = runs.map(({ date, facts }) =>
    Object.entries({ measured: date, ...facts }).map(([name, value]) => `- ${name}: ${value}`)
  );
  const tables = groups.map((group) => table(results, group));
  const remarks = runs.flatMap(({ date, remarks }) =>
    remarks.map((remark) => runs.length > 1 ? `- ${date}: ${remark}` : `- ${remark}`)
  );
  return [...facts, ...tables, remarks]
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join("\n")}\n`)
    .join("\n");
}

/** Of contenders and measures that there is something of; with more than one run, a row tells its own. */
function table(results: Results, group: Group): readonly string[] {
  const rows = group.measures.flatMap((measure) => {
    const row = rowOf(results, group, measure.name);
    return row === undefined ? [] : [{ measure, row }];
  });
  if (rows.length === 0) return [];
  const contenders = group.contenders.filter((name) =>
    rows.some(({ row }) => row.cells[name] !== undefined)
  );
  const isMixed = results.runs.length > 1;
  return [
    line([group.title, ...contenders, ...isMixed ? ["measured"] : []]),
    line(["---", ...contenders.map(() => "---:"), ...isMixed ? ["---"] : []]),
    ...rows.map(({ measure, row: { cells, run } }) =>
      line([
        measure.name,
        ...contenders.map((name) => cellText(cells[name], measure.digits)),
        ...isMixed ? [run] : [],
      ])
    ),
  ];
}

/** `38.4 (0.97)`: the median and the ratio to the baseline. */
function cellText(cell: Cell | undefined, digits: number): string {
  if (cell === undefined) return "-";
  const text = cell.value.toFixed(digits);
  return cell.ratio === undefined ? text : `${text} (${cell.ratio.toFixed(2)})`;
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
