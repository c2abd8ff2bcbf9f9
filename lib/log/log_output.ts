import { messageOf, ProxyError } from "../core/errors.ts";
import type { ByteOutput } from "./line_writer.ts";

/** Where log lines go, until it is closed. */
export interface LogOutput extends ByteOutput {
  close(): void;
}

/** Takes bytes from several who write: each write is whole, one after the other. */
export function inTurn(output: LogOutput): LogOutput {
  let last: Promise<unknown> = Promise.resolve();
  const writeAll = async (bytes: Uint8Array) => {
    let rest = bytes;
    while (rest.length > 0) rest = rest.subarray(await output.write(rest));
    return bytes.length;
  };
  return {
    write: (bytes) => {
      const done = last.then(() => writeAll(bytes));
      last = done.catch(() => {});
      return done;
    },
    close: () => output.close(),
  };
}

/** Standard output; it is not ours to close. */
export function standardOutput(output: ByteOutput = Deno.stdout): LogOutput {
  return { write: (bytes) => output.write(bytes), close: () => {} };
}

/**
 * A file that lines are appended to. It is made where it is not there, for owner and group alone:
 * who asked for what is not for everybody.
 *
 * @throws {ProxyError} `bad_config` where it cannot be opened
 */
export async function fileOutput(path: string): Promise<LogOutput> {
  try {
    return await Deno.open(path, { create: true, append: true, mode: 0o640 });
  } catch (error) {
    const reason = error instanceof Deno.errors.NotCapable
      ? `this process was started without the permission --allow-write=${path}`
      : messageOf(error);
    throw new ProxyError("bad_config", `Cannot open the log file ${path}: ${reason}`);
  }
}
