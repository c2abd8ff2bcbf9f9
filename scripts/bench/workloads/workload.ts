import { cpuMsBetween, usageOf } from "../cpu.ts";
import type { Tools } from "../load/h2load.ts";
import type { Target } from "../load/target.ts";
import type { Setup } from "../setup.ts";

/** Something that a contender is made to do, and what is measured meanwhile. */
export interface Workload {
  readonly name: string;
  readonly measures: readonly Measure[];
  /** What a contender has to be set up for. */
  readonly setup: Setup;
  /** Whether it needs a contender that was started just now and has done nothing; in one round then. */
  readonly fresh: boolean;
  /** Done once, before anything counts. */
  warmUp(subject: Subject): Promise<void>;
  /**
   * @returns a number for each of `measures`
   * @throws {Error} where the contender made a mistake
   */
  run(subject: Subject): Promise<readonly number[]>;
}

/** One row of the report. */
export interface Measure {
  readonly name: string;
  /** Digits behind the point. */
  readonly digits: number;
  /** Whether it is in the plot, too; less of it has to be better. */
  readonly plot?: boolean;
}

/** A contender while it runs. */
export interface Subject extends Target {
  /** Of its own, with its configuration and what it writes. */
  readonly folder: string;
  readonly pid: number;
}

/** What workloads work with, and how much they do. */
export interface Amounts {
  readonly tools: Tools;
  /** Requests of 1 KiB; all other amounts follow from it. */
  readonly requests: number;
  /** Connections that are held open while memory is measured. */
  readonly idleConnections: number;
}

/** A workload whose figure is CPU for one of many things of the same kind. */
export interface Repeated {
  readonly name: string;
  readonly setup: Setup;
  /** What is measured, for the report. */
  readonly title: string;
  readonly unit?: "µs" | "ms";
  readonly plot?: boolean;
  /** Times that all of it is done before anything counts: compilers take their time to find out what is
   * worth their while. Default: 3. */
  readonly warmUps?: number;
  /** Looked at before anything else, where load generators do not look. */
  readonly check?: (subject: Subject) => Promise<void>;
  /**
   * Does it.
   *
   * @returns how many there were
   */
  readonly load: (subject: Subject) => Promise<number>;
}

export function repeated(
  { name, setup, title, unit = "µs", plot = false, warmUps = 3, check, load }: Repeated,
): Workload {
  return {
    ...{ name, setup, fresh: false },
    measures: [{ name: `${title}, CPU ${unit}`, digits: unit === "µs" ? 1 : 3, plot }],
    async warmUp(subject) {
      await check?.(subject);
      for (let i = 0; i < warmUps; i++) await load(subject);
    },
    async run(subject) {
      const { cpuMs, result } = await counted(subject, () => load(subject));
      return [cpuMs * (unit === "µs" ? 1_000 : 1) / result];
    },
  };
}

/** Does something and gives what CPU the contender used for it. */
export async function counted<T>(
  { pid }: Subject,
  load: () => Promise<T>,
): Promise<{ cpuMs: number; result: T }> {
  const before = await usageOf(pid);
  const result = await load();
  await pause(SETTLE_MS);
  return { cpuMs: cpuMsBetween(before, await usageOf(pid)), result };
}

/** Bytes of memory once a contender has come to rest. */
export async function settledMemory({ pid }: Subject): Promise<number> {
  await pause(SETTLE_MEMORY_MS);
  return (await usageOf(pid)).rssBytes;
}

export const MIB = 1024 * 1024;

/** Milliseconds a contender has to finish what it began, such as closing connections. */
const SETTLE_MS = 200;
const SETTLE_MEMORY_MS = 1_500;

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
