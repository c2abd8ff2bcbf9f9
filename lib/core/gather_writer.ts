import { giveBuffer, POOLED_BYTES, takeBuffer } from "./buffer_pool.ts";

/**
 * Collects the pieces of a message (head, chunk size, data) and writes them at once: one system
 * call and one TLS record where it can be. Pieces are not copied before `flush`, so they must stay
 * as they are until it is called.
 */
export class GatherWriter {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #pieces: Uint8Array[] = [];
  #size = 0;

  constructor(writable: WritableStream<Uint8Array>) {
    this.#writer = writable.getWriter();
    // every failure shows at a flush; nobody waits for `closed`
    this.#writer.closed.catch(() => {});
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
  async flush(): Promise<void> {
    const pieces = this.#pieces;
    const size = this.#size;
    if (size === 0) return;
    this.#pieces = [];
    this.#size = 0;
    const [only] = pieces;
    if (only !== undefined && pieces.length === 1) return await this.#writer.write(only);
    const buffer = size <= POOLED_BYTES ? takeBuffer() : new Uint8Array(size);
    let at = 0;
    for (const piece of pieces) {
      buffer.set(piece, at);
      at += piece.length;
    }
    await this.#writer.write(buffer.subarray(0, size));
    giveBuffer(buffer);
  }

  /** Half-closes the connection behind what was flushed. */
  close(): Promise<void> {
    return this.#writer.close();
  }
}
