/** What a process and all its descendants have used. */
export interface Usage {
  /** Nanoseconds on a core so far, of each thread that runs now, by its number. */
  readonly threads: ReadonlyMap<number, number>;
  /** Milliseconds of all threads, of those that have ended, too, to a hundredth of a second. */
  readonly coarseMs: number;
  /** Resident memory now. Pages that two processes share count twice. */
  readonly rssBytes: number;
}

/** @throws {Error} where there is no such process any more, or the system does not count */
export async function usageOf(pid: number): Promise<Usage> {
  const { ticksPerSecond, pageBytes, stats, threads } = await readProcesses();
  const tree = descend(stats, pid);
  if (tree.length === 0) throw new Error(`The process ${pid} has ended`);
  const pids = new Set(tree.map(({ pid }) => pid));
  const own = threads.filter((thread) => pids.has(thread.pid));
  if (own.length === 0) throw new Error("This system has no /proc/PID/task/TID/schedstat");
  const ticks = tree.reduce((sum, stat) => sum + stat.ticks, 0);
  const pages = tree.reduce((sum, stat) => sum + stat.rssPages, 0);
  return {
    coarseMs: ticks * 1000 / ticksPerSecond,
    threads: new Map(own.map(({ tid, ns }) => [tid, ns])),
    rssBytes: pages * pageBytes,
  };
}

/**
 * Milliseconds of CPU between two looks, in user and kernel mode: to the nanosecond where threads go on
 * running, to a hundredth of a second where some have ended, such as those of a connection each.
 */
export function cpuMsBetween(before: Usage, after: Usage): number {
  let ns = 0;
  for (const [tid, now] of after.threads) ns += now - (before.threads.get(tid) ?? 0);
  const coarseMs = after.coarseMs - before.coarseMs;
  return coarseMs - ns / 1e6 > COARSE_ERROR_MS ? coarseMs : ns / 1e6;
}

/** What ticks may differ by without anything that has ended. */
const COARSE_ERROR_MS = 20;

/** The facts of one process in `/proc/PID/stat`. */
export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** CPU of its threads, running or ended, and of the children it has waited for. */
  readonly ticks: number;
  readonly rssPages: number;
}

/** Reads a line of `/proc/PID/stat` (proc_pid_stat(5)); undefined where it is none. */
export function parseStat(line: string): ProcessStat | undefined {
  // the second field is the program's name in parentheses, with anything in it
  const found = /^(\d+) \(.*\) \S (.*)$/.exec(line);
  if (found === null) return undefined;
  // from the fourth field on, so field n of the manual is at n - 4
  const fields = (found[2] ?? "").split(" ").map(Number);
  const field = (n: number) => fields[n - 4] ?? 0;
  const [PARENT, UTIME, STIME, CUTIME, CSTIME, RSS] = [4, 14, 15, 16, 17, 24] as const;
  return {
    pid: Number(found[1]),
    parent: field(PARENT),
    ticks: field(UTIME) + field(STIME) + field(CUTIME) + field(CSTIME),
    rssPages: field(RSS),
  };
}

/** What a thread has used. */
export interface ThreadTime {
  readonly pid: number;
  readonly tid: number;
  /** Nanoseconds on a core. */
  readonly ns: number;
}

/**
 * Reads a line of `grep -H '' /proc/PID/task/TID/schedstat`: the path, nanoseconds on a core, and what
 * matters less; undefined where it is no such line.
 */
export function parseSchedstat(line: string): ThreadTime | undefined {
  const found = /^\/proc\/(\d+)\/task\/(\d+)\/schedstat:(\d+) /.exec(line);
  if (found === null) return undefined;
  const [, pid, tid, ns] = found.map(Number);
  return { pid: pid ?? 0, tid: tid ?? 0, ns: ns ?? 0 };
}

/** A process and its descendants. */
export function descend(stats: readonly ProcessStat[], pid: number): readonly ProcessStat[] {
  return stats.filter((stat) => stat.pid === pid).flatMap((root) => [
    root,
    ...stats.filter(({ parent }) => parent === pid).flatMap((child) => descend(stats, child.pid)),
  ]);
}

interface Snapshot {
  readonly ticksPerSecond: number;
  readonly pageBytes: number;
  readonly stats: readonly ProcessStat[];
  readonly threads: readonly ThreadTime[];
}

/** Times of threads come first, so that little passes until they are read. By a shell, since the runtime itself opens `/proc` only to a process that may do everything. */
async function readProcesses(): Promise<Snapshot> {
  const script = "grep -sH '' /proc/[0-9]*/task/[0-9]*/schedstat; " +
    "cat /proc/[0-9]*/stat 2>/dev/null; getconf CLK_TCK; getconf PAGESIZE";
  const { stdout } = await new Deno.Command("sh", { args: ["-c", script], stderr: "null" })
    .output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  const [ticks, page] = lines.slice(-2);
  return {
    ticksPerSecond: Number(ticks),
    pageBytes: Number(page),
    stats: lines.map(parseStat).filter((stat) => stat !== undefined),
    threads: lines.map(parseSchedstat).filter((thread) => thread !== undefined),
  };
}
