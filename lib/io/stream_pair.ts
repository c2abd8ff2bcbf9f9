import type { Connection } from "./connection.ts";

/**
 * A connection's `read` and `write` as a pair of Web Streams. Made by hand: the runtime's own
 * `readable` would allocate 64 KiB for each pull and, at the end of input, close the other
 * direction too.
 */
export class StreamPair {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  #source!: ReadableStreamDefaultController<Uint8Array>;
  #sink!: WritableStreamDefaultController;

  constructor(connection: Pick<Connection, "read" | "write" | "endWrites" | "reset">) {
    // in a pipe this is the other side's failure: what is cut off must not look complete
    const breakOff = (reason: unknown) =>
      connection.reset(reason instanceof Error ? reason : undefined);
    this.readable = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#source = controller),
      pull: async (controller) => {
        const chunk = await connection.read();
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      cancel: breakOff,
    }, { highWaterMark: 0 });
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => void (this.#sink = controller),
      write: (chunk) => connection.write(chunk),
      close: () => connection.endWrites(),
      abort: breakOff,
    }, { highWaterMark: 1 });
  }

  /** Makes `readable` fail, unless it has ended. */
  failReadable(reason: Error): void {
    this.#source.error(reason);
  }

  /** Makes `writable` fail, unless it has ended. */
  failWritable(reason: Error): void {
    this.#sink.error(reason);
  }
}
