import { messageOf } from "../lib/core/errors.ts";

/**
 * Writes a text and a line's end. Who reads it and has gone, as `head` may, has read enough.
 *
 * @throws what else the system has against it
 */
export function print(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  try {
    to.writeSync(new TextEncoder().encode(`${text}\n`));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** What is wrong with flags, in one line: the others of `parseArgs` say how a dash is escaped. */
export function flagTrouble(error: unknown): string {
  const [line = ""] = messageOf(error).split("\n");
  return line.replace(/\.$/, "");
}
