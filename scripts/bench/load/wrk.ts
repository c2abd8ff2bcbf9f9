import { HOST } from "../contender.ts";
import type { Surroundings } from "../plan.ts";
import { browserHeads } from "./browser.ts";
import { parseProgress, type Progress } from "./progress.ts";
import type { Target } from "./target.ts";

/** What browsers send: see `browser.ts`. */
export interface BrowserLoad {
  /** At the least, and a multiple of ten; some more are sent until wrk has been stopped. */
  readonly requests: number;
  readonly connections: number;
  /** How many browsers there are, by their cookies. */
  readonly browsers: number;
  /** Bytes of the smallest answer there is. */
  readonly leastBytes: number;
}

/**
 * Sends what browsers send, no two heads alike in turn, by wrk.
 *
 * @param progress is told of requests that have been sent
 * @throws {Error} where an answer was not 2xx, all were too small, or a connection failed
 */
export async function browse(
  { processes, folder }: Pick<Surroundings, "processes" | "folder">,
  { port }: Target,
  { requests, connections, browsers, leastBytes }: BrowserLoad,
  progress?: Progress,
): Promise<void> {
  const script = new URL("browser.lua", import.meta.url).pathname;
  const heads = `${folder}/heads-${browsers}`;
  await Deno.writeTextFile(heads, browserHeads(HOST, browsers));
  const command = [
    ...["wrk", "-t1", `-c${connections}`, `-d${LONGEST_SECONDS}s`, "--timeout", "10s"],
    ...["-s", script, `https://${HOST}:${port}`, "--", heads, String(requests)],
  ];
  const output = await processes.run(command, {
    onLine(line, interrupt) {
      const percent = parseProgress(line);
      if (percent === undefined) return;
      if (percent === 100) interrupt();
      progress?.(percent);
    },
  });
  const failed = /^ *(?:Non-2xx|Socket errors).*/m.exec(output)?.[0];
  if (failed !== undefined) throw new Error(failed.trim());
  const { requests: answered, bytes } = parseWrk(output);
  if (answered === 0) throw new Error("wrk had no answer");
  const average = bytes / answered;
  if (average < leastBytes) {
    throw new Error(`Answers had ${average.toFixed(0)} bytes on the average, heads and all`);
  }
}

/** wrk goes by time alone, and is stopped before. */
const LONGEST_SECONDS = 50;

/** Reads what wrk prints; what is missing in it becomes 0. */
export function parseWrk(output: string): { readonly requests: number; readonly bytes: number } {
  const [, requests = "0", amount = "0", prefix = ""] =
    /^ *(\d+) requests in [^,]+, ([\d.]+)([KMGT]?)B read/m.exec(output) ?? [];
  return {
    requests: Number(requests),
    bytes: Number(amount) * 1024 ** ["", "K", "M", "G", "T"].indexOf(prefix),
  };
}
