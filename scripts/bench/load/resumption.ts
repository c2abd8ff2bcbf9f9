import type { Processes } from "../processes.ts";
import type { Target } from "./target.ts";

/**
 * Opens connections that resume a session, one after another, each for one tiny request, by
 * `openssl s_time`: `node:tls` on Deno resumes none.
 *
 * @returns how many there were
 * @throws {Error} where a session was not resumed
 */
export async function resumptions(
  processes: Processes,
  { port }: Target,
  seconds: number,
): Promise<number> {
  // what s_time writes behind the path, ` HTTP/1.0`, becomes a field
  const path = `/2 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\nRest:`;
  const output = await processes.run([
    ...["openssl", "s_time", "-connect", `127.0.0.1:${port}`, "-reuse", "-tls1_3"],
    ...["-time", String(seconds), "-www", path],
  ]);
  const { resumed, full, bytes } = parseTimes(output);
  if (full > 0) throw new Error(`${full} of ${full + resumed} handshakes were full ones`);
  if (resumed === 0 || bytes === 0) throw new Error("Nothing was answered on resumed sessions");
  return resumed;
}

/** What s_time says of a run. */
export interface Times {
  readonly resumed: number;
  readonly full: number;
  /** Read on each connection. */
  readonly bytes: number;
}

/** Reads what s_time prints: a letter for each handshake, `r` where it resumed, and a summary. */
export function parseTimes(output: string): Times {
  const letters = output.split("\n").filter((line) => /^[r*t3]+$/.test(line)).join("");
  const resumed = letters.replaceAll(/[^r]/g, "").length;
  return {
    resumed,
    full: letters.length - resumed,
    bytes: Number(/, (\d+) bytes read per connection/.exec(output)?.[1] ?? 0),
  };
}
