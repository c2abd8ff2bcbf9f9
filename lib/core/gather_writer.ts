import { giveBuffer, POOLED_BYTES, takeBuffer } from "./buffer_pool.ts";
import type { ByteSink } from "./connection.ts";

/**
 * Collects the pieces of a message (head, chunk size, data) and writes them at once: one system
 * call and one TLS record where it can be. Pieces are not copied before `flush`, so they must stay
 * as they are until it is called.
 */
export class GatherWriter {
  readonly #sink: ByteSink;
  #pieces: Uint8Array[] = [];
  #size = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#pieces.push(bytes);
    this.#size += bytes.length;
  }

  /** Forgets what was pushed and not flushed. */
  drop(): void {
    this.#pieces = [];
    this.#size = 0;
  }

  /** Settles once the runtime has taken the bytes; the pieces are free from then on. */
  flush(): Promise<void> {
    const pieces = this.#pieces;
    const size = this.#size;
    const [only] = pieces;
    if (only === undefined) return DONE;
    this.#pieces = [];
    this.#size = 0;
    return pieces.length === 1 ? this.#sink.write(only) : this.#writeAll(pieces, size);
  }

  /** Half-closes the connection behind what was flushed. */
  close(): Promise<void> {
    return this.#sink.endWrites();
  }

  async #writeAll(pieces: readonly Uint8Array[], size: number): Promise<void> {
    const buffer = size <= POOLED_BYTES ? takeBuffer() : new Uint8Array(size);
    let at = 0;
    for (const piece of pieces) {
      buffer.set(piece, at);
      at += piece.length;
    }
    await this.#sink.write(buffer.subarray(0, size));
    giveBuffer(buffer);
  }
}

const DONE = Promise.resolve();
