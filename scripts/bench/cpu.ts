/** What a process and all its descendants have used. */
export interface Usage {
  /** Nanoseconds on a core so far, of each thread that runs now, by its number. */
  readonly threads: ReadonlyMap<number, number>;
  /** Resident memory now. Pages that two processes share count twice. */
  readonly rssBytes: number;
}

/** @throws {Error} where there is no such process any more, or the system does not count */
export async function usageOf(pid: number): Promise<Usage> {
  const { pageBytes, stats, threads } = await readProcesses();
  const tree = descend(stats, pid);
  if (tree.length === 0) throw new Error(`The process ${pid} has ended`);
  const pids = new Set(tree.map(({ pid }) => pid));
  const own = threads.filter((thread) => pids.has(thread.pid));
  if (own.length === 0) throw new Error("This system has no /proc/PID/task/TID/schedstat");
  const pages = tree.reduce((sum, stat) => sum + stat.rssPages, 0);
  return {
    threads: new Map(own.map(({ tid, ns }) => [tid, ns])),
    rssBytes: pages * pageBytes,
  };
}

/**
 * Milliseconds of CPU between two looks, in user and kernel mode. What a thread has done that
 * began and ended between them is not known; those that end are idle ones of a pool.
 */
export function cpuMsBetween(before: Usage, after: Usage): number {
  let ns = 0;
  for (const [tid, now] of after.threads) ns += now - (before.threads.get(tid) ?? 0);
  return ns / 1e6;
}

/** The facts of one process in `/proc/PID/stat`. */
export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
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
  const [PARENT, RSS] = [4, 24] as const;
  return { pid: Number(found[1]), parent: field(PARENT), rssPages: field(RSS) };
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
 * matters less. `stat` has the same by hundredths of a second. Undefined where it is no such line.
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
  readonly pageBytes: number;
  readonly stats: readonly ProcessStat[];
  readonly threads: readonly ThreadTime[];
}

/** By a shell, since the runtime itself opens `/proc` only to a process that may do everything. */
async function readProcesses(): Promise<Snapshot> {
  const script = "getconf PAGESIZE; cat /proc/[0-9]*/stat 2>/dev/null; " +
    "grep -sH '' /proc/[0-9]*/task/[0-9]*/schedstat";
  const { stdout } = await new Deno.Command("sh", { args: ["-c", script], stderr: "null" })
    .output();
  const [page, ...lines] = new TextDecoder().decode(stdout).split("\n");
  return {
    pageBytes: Number(page),
    stats: lines.map(parseStat).filter((stat) => stat !== undefined),
    threads: lines.map(parseSchedstat).filter((thread) => thread !== undefined),
  };
}
