import { close, constants, open, write } from "node:fs";
import { codeOf, ProxyError } from "../core/errors.ts";
import { fileTrouble } from "../io/file_trouble.ts";
import { within } from "../io/within.ts";
import { type ByteOutput, LF, writeAll, WriteFailed } from "./write_all.ts";

/** Where log lines go, until it is closed. */
export interface LogOutput extends ByteOutput {
  close(): void;
  /** The same for one that nothing was written to: a file that was made for it goes, too. */
  discard(): void | Promise<void>;
}

/** Milliseconds for which an output that is closed waits for what is being written to it. */
const CLOSE_MS = 1_000;

/**
 * Takes whole lines from several who write: each write is whole, one after the other. Where one
 * fails amid a line, the next begins a new one. What was to be written when it is closed still is.
 */
export function inTurn(output: LogOutput): LogOutput {
  let last: Promise<unknown> = Promise.resolve();
  let torn = false;
  const writeLines = async (lines: Uint8Array) => {
    if (torn) await writeAll(output, LINE_END);
    torn = false;
    try {
      await writeAll(output, lines);
    } catch (error) {
      const taken = error instanceof WriteFailed ? error.taken : 0;
      torn = taken > 0 && lines[taken - 1] !== LF;
      throw error;
    }
    return lines.length;
  };
  return {
    write: (lines) => {
      const done = last.then(() => writeLines(lines));
      last = done.catch(() => {});
      return done;
    },
    close: () => void within(last, CLOSE_MS, () => {}).then(() => output.close()),
    discard: () => output.discard(),
  };
}

const LINE_END = new Uint8Array([LF]);

/** Standard output; it is not ours to close. */
export function standardOutput(output: ByteOutput = Deno.stdout): LogOutput {
  return { write: (bytes) => output.write(bytes), close: () => {}, discard: () => {} };
}

/**
 * A file that lines are appended to. It is made where it is not there, for owner and group alone:
 * who asked for what is not for everybody. It may be a named pipe that somebody reads.
 *
 * @throws {ProxyError} `bad_config` where it cannot be opened
 */
export async function fileOutput(path: string): Promise<LogOutput> {
  try {
    return await madeFile(path) ?? new FileOutput(await openFile(path, OPEN_FLAGS));
  } catch (error) {
    throw new ProxyError("bad_config", `Cannot open the log file ${path}: ${whyNot(path, error)}`);
  }
}

/** @returns undefined where there is something of this name */
async function madeFile(path: string): Promise<FileOutput | undefined> {
  try {
    return new FileOutput(await openFile(path, OPEN_FLAGS | constants.O_EXCL), path);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return undefined;
    throw error;
  }
}

/** @returns its descriptor */
function openFile(path: string, flags: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  // what it thinks is no path it throws itself
  open(path, flags, 0o640, (error, fd) => error === null ? resolve(fd) : reject(error));
  return promise;
}

/**
 * Without blocking: else a named pipe that nobody reads would keep `open` waiting, and one that is
 * not read fast enough each write, on a thread of the runtime that nothing gives back. That is what
 * takes `node:fs`, as the runtime's own API cannot ask for it.
 */
const OPEN_FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT |
  constants.O_NONBLOCK;

class FileOutput implements LogOutput {
  readonly #fd: number;
  readonly #made: string | undefined;
  #closed = false;

  /** @param made its path, where it was not there before */
  constructor(fd: number, made?: string) {
    this.#fd = fd;
    this.#made = made;
  }

  write(bytes: Uint8Array): Promise<number> {
    // who waits for room in a pipe would go on waiting
    if (this.#closed) return Promise.reject(new Error("it was closed"));
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    write(this.#fd, bytes, (error, taken) => {
      if (error === null) resolve(taken);
      else reject(error);
    });
    return promise;
  }

  close(): void {
    this.#closed = true;
    close(this.#fd, () => {});
  }

  async discard(): Promise<void> {
    this.close();
    if (this.#made !== undefined) await Deno.remove(this.#made).catch(() => {});
  }
}

function whyNot(path: string, error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) {
    // as the runtime has it for files that stand for more than themselves
    if (error.message.startsWith("Requires all access")) {
      return "the runtime opens no such device but with all permissions; " +
        "without log.file the log goes to standard output";
    }
    return `this process was started without the permission --allow-write=${path}`;
  }
  const code = codeOf(error);
  if (code === "ENXIO") return "it is a named pipe that nobody reads, or a socket";
  // which of the two cannot be asked: in production only the right to write to it is there, and who
  // has no more is made no file by the runtime behind a link
  if (code === "ENOENT") return "its folder does not exist, or it is a link to what does not exist";
  return fileTrouble(error);
}
