import { codeOf } from "../core/errors.ts";
import { whyUnreadable } from "./file_trouble.ts";

/** Bytes of the largest file that is read: far more than any chain or configuration has. */
const MAX_BYTES = 16 * 1024 * 1024;

/** How the bytes of a file are taken for text. */
export interface ReadOptions {
  /** Whether bytes that are no UTF-8 are an error; else U+FFFD stands for them. */
  readonly strict?: boolean;
}

/**
 * Reads a file as text, at most 16 MiB of it: a path that was mistyped may lead to a device that
 * never ends.
 *
 * @throws {Error} with what the file does or is, such as "does not exist", to stand behind its name;
 *   `cause` is the system's error
 */
export async function readTextFile(
  path: string,
  { strict = false }: ReadOptions = {},
): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: strict }).decode(await readBytes(path));
  } catch (error) {
    throw new Error(describe(error), { cause: error });
  }
}

async function readBytes(path: string): Promise<Uint8Array> {
  const { isFifo, isSocket } = await Deno.stat(path);
  // to open one would wait for whoever writes to it, which may be nobody
  if (isFifo || isSocket) throw new RangeError(`is a ${isFifo ? "pipe" : "socket"}, not a file`);
  using file = await Deno.open(path);
  const buffer = new Uint8Array(64 * 1024);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for (let count; (count = await file.read(buffer)) !== null;) {
    size += count;
    if (size > MAX_BYTES) throw new RangeError("is larger than 16 MiB");
    chunks.push(buffer.slice(0, count));
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

function describe(error: unknown): string {
  if (error instanceof RangeError) return error.message;
  // of a path that is none the runtime throws one with a code
  if (error instanceof TypeError && codeOf(error) !== "EINVAL") {
    return "is not UTF-8 text";
  }
  return whyUnreadable(error);
}
