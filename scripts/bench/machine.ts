import type { Plan } from "./plan.ts";
import { BASELINES } from "./peers/contenders.ts";
import type { Processes } from "./processes.ts";

/** The cores for contenders and for everything else. */
export const CONTENDER_CORE = 0;
const OTHER_CORE = 1;

/**
 * Moves this program to its core, and with it all that it will start.
 *
 * @returns false where the machine has one core or no way to do it
 */
export async function pinSelf(processes: Processes): Promise<boolean> {
  if (navigator.hardwareConcurrency < 2) return false;
  try {
    await processes.run(["taskset", "-a", "-c", "-p", String(OTHER_CORE), String(Deno.pid)]);
    return true;
  } catch {
    return false;
  }
}

/** What was measured on, with what and how, by heading. */
export async function facts(
  { rounds, requests }: Plan,
  { processes, versions, pinned }: {
    processes: Processes;
    versions: ReadonlyMap<string, string>;
    pinned: boolean;
  },
): Promise<Map<string, string>> {
  const script = "sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1; uname -srm";
  const [cpu, system = ""] = (await processes.run(["sh", "-c", script])).split("\n");
  const cores = navigator.hardwareConcurrency;
  return new Map([
    ["machine", `${cpu || "unknown CPU"}, ${cores} cores, ${system}`],
    ["versions", [...versions].map(([product, version]) => `${product} ${version}`).join(", ")],
    [
      "method",
      `medians of ${rounds} rounds of ${requests} requests behind as many as it took to be warm, in parentheses the ratio to ${BASELINES.http} or, where bytes are forwarded, ${BASELINES.tcp} (median of the rounds' ratios); ` +
      "TLS 1.3, ECDSA P-256; CPU of the proxy's processes only, for a request while connections are open; " +
      (pinned ? "proxy on one core, load and backend on another" : "no process is tied to a core"),
    ],
  ]);
}

/** Descriptors that a contender has beside its connections. */
const OTHER_FILES = 500;
/** A workload holds a fifth more connections than it counts, and tcp mode needs two files for each. */
const FILES_PER_CONNECTION = 2.4;

/** How many idle connections the limit of open files allows, and a note where it is fewer. */
export async function idleThatFit(
  processes: Processes,
  wanted: number,
): Promise<{ count: number; notes: readonly string[] }> {
  const limit = Number(await processes.run(["sh", "-c", "ulimit -n"]));
  // "unlimited" is no number
  const fits = Number.isNaN(limit)
    ? wanted
    : Math.max(1, Math.floor((limit - OTHER_FILES) / FILES_PER_CONNECTION));
  if (fits >= wanted) return { count: wanted, notes: [] };
  return {
    count: fits,
    notes: [`${fits} idle connections instead of ${wanted}: \`ulimit -n\` is ${limit}`],
  };
}
