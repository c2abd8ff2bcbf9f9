import { codeOf } from "../core/errors.ts";
import { fileTrouble } from "../io/file_trouble.ts";

/** Where the lines go: `Deno.stdout`, `Deno.stderr`, a file, or a stand-in. */
export interface ByteOutput {
  /** Takes some of the bytes and says how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** Some of the bytes, or none, could be written. */
export class WriteFailed extends Error {
  override readonly name = "WriteFailed";
  /** How many were. */
  readonly taken: number;

  constructor(taken: number, cause: unknown) {
    super(fileTrouble(cause), { cause });
    this.taken = taken;
  }
}

/** Milliseconds after which a reader that had no room is asked again. */
const ASK_AGAIN_MS = 20;

/**
 * Writes all of it, in as many pieces as the reader takes.
 *
 * @throws {WriteFailed} with the reason in words
 */
export async function writeAll(output: ByteOutput, bytes: Uint8Array): Promise<void> {
  let taken = 0;
  while (taken < bytes.length) {
    try {
      taken += await output.write(bytes.subarray(taken));
    } catch (error) {
      // a pipe that somebody else has made non-blocking says so where others wait
      if (isFull(error)) await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
      else if (error instanceof WriteFailed) {
        throw new WriteFailed(taken + error.taken, error.cause);
      } else throw new WriteFailed(taken, error);
    }
  }
}

/** Whether nobody reads any more. */
export function isGone(error: unknown): boolean {
  const cause = error instanceof WriteFailed ? error.cause : error;
  return cause instanceof Deno.errors.BrokenPipe;
}

/** How many lines end in these bytes. */
export function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (const byte of bytes) if (byte === LF) lines++;
  return lines;
}

/** The byte that ends a line. */
export const LF = 0x0a;

function isFull(error: unknown): boolean {
  return error instanceof Deno.errors.WouldBlock || codeOf(error) === "EAGAIN";
}
