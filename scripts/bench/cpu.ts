/** What a process and all its descendants have used. */
export interface Usage {
  /** Milliseconds of CPU so far, in user and kernel mode, of all threads. */
  readonly cpuMs: number;
  /** Resident memory now. Pages that two processes share count twice. */
  readonly rssBytes: number;
}

/** @throws {Error} where there is no such process any more */
export async function usageOf(pid: number): Promise<Usage> {
  const { ticksPerSecond, pageBytes, stats } = await readProcesses();
  const tree = descend(stats, pid);
  if (tree.length === 0) throw new Error(`The process ${pid} has ended`);
  const ticks = tree.reduce((sum, stat) => sum + stat.ticks, 0);
  const pages = tree.reduce((sum, stat) => sum + stat.rssPages, 0);
  return { cpuMs: ticks * 1000 / ticksPerSecond, rssBytes: pages * pageBytes };
}

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
  const [UTIME, STIME, CUTIME, CSTIME, RSS] = [14, 15, 16, 17, 24] as const;
  return {
    pid: Number(found[1]),
    parent: field(4),
    ticks: field(UTIME) + field(STIME) + field(CUTIME) + field(CSTIME),
    rssPages: field(RSS),
  };
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
}

/** By a shell, since the runtime itself opens `/proc` only to a process that may do everything. */
async function readProcesses(): Promise<Snapshot> {
  const script = "getconf CLK_TCK; getconf PAGESIZE; cat /proc/[0-9]*/stat 2>/dev/null";
  const { stdout } = await new Deno.Command("sh", { args: ["-c", script], stderr: "null" })
    .output();
  const [ticks, page, ...lines] = new TextDecoder().decode(stdout).split("\n");
  return {
    ticksPerSecond: Number(ticks),
    pageBytes: Number(page),
    stats: lines.map(parseStat).filter((stat) => stat !== undefined),
  };
}
