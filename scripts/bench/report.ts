import type { Contender } from "./contender.ts";
import { BASELINES } from "./peers/contenders.ts";
import { CHAPTERS, type Setup, SETUPS } from "./setup.ts";
import { median } from "./statistics.ts";
import type { Measure, Workload } from "./workloads/workload.ts";

/** Everything that a bench found. */
export interface Findings {
  /** What ran where, by name. */
  readonly facts: ReadonlyMap<string, string>;
  /** A table for each. */
  readonly groups: readonly Group[];
  readonly samples: Samples;
  /** Which contenders are missing and why. */
  readonly skipped: readonly string[];
  /** What went wrong. */
  readonly troubles: readonly string[];
}

/** Contenders that do the same work. */
export interface Group {
  readonly title: string;
  readonly measures: readonly Measure[];
  /** Names, in the order of the report. */
  readonly contenders: readonly string[];
  /** The contender that the others are compared with, should it be among them. */
  readonly baseline: string;
}

/** A table for each chapter and mode. */
export function groupsOf(
  contenders: readonly Contender[],
  workloads: readonly Workload[],
): readonly Group[] {
  const names = (some: readonly Contender[]) => some.map(({ name }) => name);
  const measuresOf = (setups: readonly Setup[]) =>
    workloads.filter(({ setup }) => setups.includes(setup)).flatMap(({ measures }) => measures);
  const groups = Object.entries(CHAPTERS).flatMap(([chapter, { title, baseline }]) => {
    const setups = (Object.keys(SETUPS) as Setup[])
      .filter((setup) => SETUPS[setup].chapter === chapter);
    const able = contenders.filter((one) => one.setups.some((setup) => setups.includes(setup)));
    return (["http", "tcp"] as const).map((mode) => ({
      title: mode === "tcp" ? `${title}, by forwarding bytes` : title,
      measures: measuresOf(setups),
      contenders: names(able.filter((one) => one.mode === mode)),
      baseline: baseline ?? BASELINES[mode],
    }));
  });
  return groups
    .filter((group) => group.contenders.length > 0 && group.measures.length > 0);
}

/** The numbers of all rounds, by contender and measure. */
export class Samples {
  /** By key, then by round. */
  readonly #values = new Map<string, Map<number, number>>();

  add(value: number, of: { contender: string; measure: string; round: number }): void {
    const key = keyOf(of.contender, of.measure);
    const values = this.#values.get(key) ?? new Map<number, number>();
    this.#values.set(key, values.set(of.round, value));
  }

  /** Undefined where nothing was measured. */
  median(contender: string, measure: string): number | undefined {
    return median([...this.#rounds(contender, measure).values()]);
  }

  /**
   * The median of the ratios to another contender in the same round, which what else the machine
   * did has hit alike; undefined where they share no round.
   */
  ratio(contender: string, other: string, measure: string): number | undefined {
    const others = this.#rounds(other, measure);
    return median(
      [...this.#rounds(contender, measure)].flatMap(([round, value]) => {
        const base = others.get(round);
        return base === undefined ? [] : [value / base];
      }),
    );
  }

  #rounds(contender: string, measure: string): ReadonlyMap<number, number> {
    return this.#values.get(keyOf(contender, measure)) ?? new Map();
  }
}

/** The findings in Markdown: facts, a table for each group with a row for each measure, remarks. */
export function renderReport(findings: Findings): string {
  const { facts, groups, skipped, troubles } = findings;
  const remarks = [...skipped, ...troubles];
  const lines = [
    ...[...facts].map(([name, value]) => `- ${name}: ${value}`),
    ...groups.flatMap((group) => ["", ...table(findings, group)]),
    ...(remarks.length > 0 ? ["", ...remarks.map((remark) => `- ${remark}`)] : []),
  ];
  return `${lines.join("\n")}\n`;
}

function table(findings: Findings, group: Group): readonly string[] {
  return [
    row([group.title, ...group.contenders]),
    row(["---", ...group.contenders.map(() => "---:")]),
    ...group.measures.map((measure) =>
      row([
        measure.name,
        ...group.contenders.map((name) => cell(findings, { name, group, measure })),
      ])
    ),
  ];
}

/** `38.4 (0.97)`: the median and the ratio to the baseline. */
function cell(
  { samples }: Findings,
  { name, group: { baseline }, measure }: { name: string; group: Group; measure: Measure },
): string {
  const value = samples.median(name, measure.name);
  if (value === undefined) return "-";
  const text = value.toFixed(measure.digits);
  const ratio = samples.ratio(name, baseline, measure.name);
  if (ratio === undefined || name === baseline) return text;
  return `${text} (${ratio.toFixed(2)})`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function keyOf(contender: string, measure: string): string {
  return `${contender}\n${measure}`;
}
