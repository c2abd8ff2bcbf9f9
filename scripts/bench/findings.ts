import type { Contender, Mode } from "./contender.ts";
import { BASELINES } from "./peers/contenders.ts";
import { CHAPTERS, type Setup, SETUPS } from "./setup.ts";
import { median } from "./statistics.ts";
import type { Measure, Workload } from "./workloads/workload.ts";

/** Everything that a bench found. */
export interface Findings {
  /** What ran where, by name. */
  readonly facts: ReadonlyMap<string, string>;
  /** All tables that there could be, whether or not they were measured. */
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
  const measuresOf = (setups: readonly Setup[], mode: Mode) =>
    workloads.filter((one) => setups.includes(one.setup) && isFor(mode, one))
      .flatMap(({ measures }) => measures);
  const groups = Object.entries(CHAPTERS).flatMap(([chapter, { title, baseline }]) => {
    const setups = (Object.keys(SETUPS) as Setup[])
      .filter((setup) => SETUPS[setup].chapter === chapter);
    const able = contenders.filter((one) => one.setups.some((setup) => setups.includes(setup)));
    return (["http", "tcp"] as const).map((mode) => ({
      title: mode === "tcp" ? `${title}, by forwarding bytes` : title,
      measures: measuresOf(setups, mode),
      contenders: names(able.filter((one) => one.mode === mode)),
      baseline: baseline ?? BASELINES[mode],
    }));
  });
  return groups
    .filter((group) => group.contenders.length > 0 && group.measures.length > 0);
}

/** Whether contenders of a mode do it: what is in a head is nothing to those that forward bytes. */
export function isFor(mode: Mode, { ofBytes }: Workload): boolean {
  return mode === "http" || ofBytes === true;
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

function keyOf(contender: string, measure: string): string {
  return `${contender}\n${measure}`;
}
