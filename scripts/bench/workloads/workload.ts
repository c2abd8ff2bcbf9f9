import { cpuMsBetween, type Usage, usageOf } from "../cpu.ts";
import type { Tools } from "../load/h2load.ts";
import type { Progress } from "../load/progress.ts";
import type { Target } from "../load/target.ts";
import type { Setup } from "../setup.ts";

/** Something that a contender is made to do, and what is measured meanwhile. */
export interface Workload {
  readonly name: string;
  readonly measures: readonly Measure[];
  /** What a contender has to be set up for. */
  readonly setup: Setup;
  /** Whether those that forward bytes do it, too. */
  readonly ofBytes?: boolean;
  /** Whether it needs a contender that was started just now and has done nothing; in one round then. */
  readonly fresh: boolean;
  /** Done before anything counts, until it takes no less CPU than before. */
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
  /** Requests of 1 KiB, a multiple of 1000; all other amounts follow from it. */
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
  readonly ofBytes?: boolean;
  /** Looked at before anything else, where load generators do not look. */
  readonly check?: (subject: Subject) => Promise<void>;
  /**
   * Does it.
   *
   * @returns how many there were
   */
  readonly load: (subject: Subject, progress?: Progress) => Promise<number>;
}

/** CPU for each, of all of them. */
export function repeated(of: Repeated): Workload {
  return figureOfOne(of, async (subject) => {
    const { cpuMs, result } = await counted(subject, () => of.load(subject));
    return cpuMs / result;
  });
}

/** CPU for each, of those on connections that are open: `load` tells of its progress. */
export function steady(of: Repeated): Workload {
  return figureOfOne(of, async (subject) => {
    const { cpuMs, share, result } = await countedAmid(
      subject,
      (progress) => of.load(subject, progress),
    );
    return cpuMs / (share * result);
  });
}

function figureOfOne(
  { name, setup, title, unit = "µs", plot = false, ofBytes = false, check, load }: Repeated,
  milliseconds: (subject: Subject) => Promise<number>,
): Workload {
  return {
    ...{ name, setup, ofBytes, fresh: false },
    measures: [{ name: `${title}, CPU ${unit}`, digits: unit === "µs" ? 1 : 3, plot }],
    async warmUp(subject) {
      await check?.(subject);
      await load(subject);
    },
    run: async (subject) => [(await milliseconds(subject)) * (unit === "µs" ? 1_000 : 1)],
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

/**
 * What a part of a load took: behind its beginning, in which connections are opened, and before its
 * end, when some have nothing left to do. The load goes on at both ends, so that the time that
 * looking takes is in both and cancels out.
 */
export interface Amid<T> {
  readonly cpuMs: number;
  readonly seconds: number;
  /** How much of the load it was, of 1. */
  readonly share: number;
  readonly result: T;
}

/**
 * Does something that tells of its progress, and gives what CPU the contender used amid it.
 *
 * @throws {Error} where it does not tell
 */
export async function countedAmid<T>(
  { pid }: Subject,
  load: (progress: Progress) => Promise<T>,
): Promise<Amid<T>> {
  const looks = new Map<number, Promise<Look>>();
  const result = await load((percent) => {
    if (percent !== AMID.from && percent !== AMID.to) return;
    const taken = look(pid);
    // where the load fails, too, that is told
    taken.catch(() => {});
    looks.set(percent, taken);
  });
  await pause(SETTLE_MS);
  const [first, last] = await Promise.all([looks.get(AMID.from), looks.get(AMID.to)]);
  if (first === undefined || last === undefined) {
    throw new Error("The load ended without having told of its progress");
  }
  return {
    cpuMs: cpuMsBetween(first.usage, last.usage),
    seconds: (last.at - first.at) / 1_000,
    share: (AMID.to - AMID.from) / 100,
    result,
  };
}

/** Per cent of a load between which CPU is counted. */
const AMID = { from: 20, to: 80 } as const;

interface Look {
  /** When it began, by `performance.now()`. */
  readonly at: number;
  readonly usage: Usage;
}

async function look(pid: number): Promise<Look> {
  const at = performance.now();
  return { at, usage: await usageOf(pid) };
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
