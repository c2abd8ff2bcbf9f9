import { POOLED_BYTES } from "./buffer_pool.ts";
import type { ByteSink } from "./connection.ts";
import { writeLatin1 } from "./latin1.ts";

/**
 * Collects the pieces of a message (head, chunk size, data) and writes them at once: one system
 * call and one TLS record where it can be. Pieces are not copied before `flush`, so they must stay
 * as they are until it is called.
 */
export class GatherWriter {
  readonly #sink: ByteSink;
  #pieces: (Uint8Array | string)[] = [];
  #size = 0;
  /** What is being written from. */
  #buffer: Uint8Array<ArrayBuffer> = NO_BYTES;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  /** @param piece bytes, or text of one character a byte, which costs nothing until it is written */
  push(piece: Uint8Array | string): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#size += piece.length;
  }

  /** Forgets what was pushed and not flushed. */
  drop(): void {
    this.#pieces = [];
    this.#size = 0;
  }

  /** Settles once the runtime has taken the bytes; the pieces are free from then on. */
  flush(): Promise<void> {
    const pieces = this.#pieces;
    const [first] = pieces;
    if (first === undefined) return DONE;
    if (pieces.length === 1 && typeof first !== "string") {
      this.drop();
      return this.#sink.write(first);
    }
    const size = this.#size;
    const buffer = size <= BUFFER_BYTES ? buffers.pop() ?? newBuffer() : new Uint8Array(size);
    this.#buffer = buffer;
    let at = 0;
    for (const piece of pieces) {
      if (typeof piece === "string") writeLatin1(piece, buffer, at);
      else buffer.set(piece, at);
      at += piece.length;
    }
    this.drop();
    return this.#sink.write(buffer.subarray(0, size)).then(this.#onWritten);
  }

  readonly #onWritten = (): void => {
    giveBack(this.#buffer);
    this.#buffer = NO_BYTES;
  };

  /** Half-closes the connection behind what was flushed. */
  close(): Promise<void> {
    return this.#sink.endWrites();
  }
}

const DONE = Promise.resolve();
const NO_BYTES = new Uint8Array(0);

/** As much as one read gives, and a head. */
const BUFFER_BYTES = POOLED_BYTES + 16 * 1024;
/** Buffers kept for later at the most: 5 MiB. */
const MAX_KEPT = 64;
const buffers: Uint8Array<ArrayBuffer>[] = [];

function newBuffer(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(BUFFER_BYTES);
}

function giveBack(buffer: Uint8Array<ArrayBuffer>): void {
  if (buffer.length === BUFFER_BYTES && buffers.length < MAX_KEPT) buffers.push(buffer);
}
