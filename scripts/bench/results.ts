import type { Findings, Group } from "./findings.ts";

/** What was measured, as plain data: `--write` keeps it, so that a later run may measure only some of it. */
export interface Results {
  /** Those that rows are of, the newest first. */
  readonly runs: readonly Run[];
  readonly rows: readonly Row[];
}

export interface Run {
  /** When it began, such as `2026-11-29 01:20 UTC`. */
  readonly date: string;
  /** What ran where, by name. */
  readonly facts: Readonly<Record<string, string>>;
  /** What is missing and what went wrong. */
  readonly remarks: readonly string[];
}

/** One measure of all contenders: always of one run, in which they took turns. */
export interface Row {
  /** The title of its table. */
  readonly table: string;
  readonly measure: string;
  /** The date of its run. */
  readonly run: string;
  /** By contender. */
  readonly cells: Readonly<Record<string, Cell>>;
}

export interface Cell {
  readonly value: number;
  /** To the table's baseline; the median of the ratios in each round. */
  readonly ratio?: number;
}

export const NOTHING: Results = { runs: [], rows: [] };

/** What a run began at the date has found; what nobody could do has no row. */
export function resultsOf(findings: Findings, began: Date): Results {
  const { facts, groups, skipped, troubles } = findings;
  const date = `${began.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const rows = groups.flatMap((group) =>
    group.measures.map((measure) => ({
      ...{ table: group.title, measure: measure.name, run: date },
      cells: cellsOf(findings, group, measure.name),
    }))
  ).filter(({ cells }) => Object.keys(cells).length > 0);
  const run = { date, facts: Object.fromEntries(facts), remarks: [...skipped, ...troubles] };
  return { runs: [run], rows };
}

function cellsOf({ samples }: Findings, group: Group, measure: string): Record<string, Cell> {
  const { contenders, baseline } = group;
  return Object.fromEntries(contenders.flatMap((name): [string, Cell][] => {
    const value = samples.median(name, measure);
    if (value === undefined || !Number.isFinite(value)) return [];
    const ratio = name === baseline ? undefined : samples.ratio(name, baseline, measure);
    return [[name, {
      value: rounded(value),
      ...(ratio === undefined ? {} : { ratio: rounded(ratio) }),
    }]];
  }));
}

/** More digits would only be noise in a file that is compared. */
function rounded(value: number): number {
  return Number(value.toPrecision(5));
}

/** New rows, and of the old ones those that were not measured again and that a table still has. */
export function merged(old: Results, fresh: Results, groups: readonly Group[]): Results {
  const isNew = new Set(fresh.rows.map(keyOf));
  const known = new Set(
    groups.flatMap(({ title, measures }) =>
      measures.map(({ name }) => keyOf({ table: title, measure: name }))
    ),
  );
  const kept = old.rows.filter((row) => !isNew.has(keyOf(row)) && known.has(keyOf(row)));
  const rows = [...fresh.rows, ...kept];
  const runs = [...fresh.runs, ...old.runs];
  return { runs: runs.filter(({ date }) => rows.some(({ run }) => run === date)), rows };
}

/** The row of a measure; undefined where it was not measured. */
export function rowOf(results: Results, group: Group, measure: string): Row | undefined {
  return results.rows.find((row) => row.table === group.title && row.measure === measure);
}

function keyOf({ table, measure }: Pick<Row, "table" | "measure">): string {
  return `${table}\n${measure}`;
}
