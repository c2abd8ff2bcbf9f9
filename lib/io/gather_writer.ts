import { BufferPool, NO_BYTES, POOLED_BYTES } from "./buffer_pool.ts";
import type { ByteSink } from "./connection.ts";
import { writeLatin1 } from "../core/latin1.ts";

/**
 * Collects the pieces of a message (head, chunk size, data) and writes them at once: one system
 * call and one TLS record where it can be. Pieces are not copied before `flush`, so they must stay
 * as they are until it is called.
 */
export class GatherWriter {
  readonly #sink: ByteSink;
  #pieces: (Uint8Array | string)[] = [];
  #size = 0;
  #holdsBytes = false;
  /** Bytes before the last piece that may be written to, where only that one is no text. */
  #room = 0;
  /** What is being written from. */
  #buffer: Uint8Array<ArrayBuffer> = NO_BYTES;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  /**
   * @param piece bytes, or text of one character a byte, which costs nothing until it is written
   * @param room bytes right before it in its buffer that are over: text is put there, where it fits,
   *   rather than everything into another buffer
   */
  push(piece: Uint8Array | string, room = 0): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#size += piece.length;
    const isText = typeof piece === "string";
    this.#room = isText || this.#holdsBytes ? 0 : room;
    if (!isText) this.#holdsBytes = true;
  }

  /** Forgets what was pushed and not flushed. */
  drop(): void {
    this.#pieces = [];
    this.#size = 0;
    this.#room = 0;
    this.#holdsBytes = false;
  }

  /** Settles once the runtime has taken the bytes; the pieces are free from then on. */
  flush(): Promise<void> {
    const pieces = this.#pieces;
    const last = pieces[pieces.length - 1];
    if (last === undefined) return DONE;
    const size = this.#size;
    const before = size - last.length;
    if (typeof last !== "string" && before <= this.#room) {
      const whole = before === 0 ? last : putBefore(last, pieces, before);
      this.drop();
      return this.#sink.write(whole);
    }
    const buffer = size <= SMALL_BYTES
      ? SMALL_POOL.take()
      : size <= LARGE_BYTES
      ? LARGE_POOL.take()
      : new Uint8Array(size);
    this.#buffer = buffer;
    putAll(pieces, buffer);
    this.drop();
    return this.#sink.write(buffer.subarray(0, size)).then(this.#onWritten);
  }

  readonly #onWritten = (): void => {
    SMALL_POOL.give(this.#buffer);
    LARGE_POOL.give(this.#buffer);
    this.#buffer = NO_BYTES;
  };

  /** Half-closes the connection behind what was flushed. */
  close(): Promise<void> {
    return this.#sink.endWrites();
  }
}

/** Puts the pieces before the last, all of them text, right before it; gives all of it. */
function putBefore(
  last: Uint8Array,
  pieces: readonly (Uint8Array | string)[],
  before: number,
): Uint8Array {
  const { buffer, byteOffset, length } = last as Uint8Array<ArrayBuffer>;
  const start = byteOffset - before;
  putAll(pieces.slice(0, -1), new Uint8Array(buffer, start, before));
  return new Uint8Array(buffer, start, before + length);
}

function putAll(pieces: readonly (Uint8Array | string)[], into: Uint8Array<ArrayBuffer>): void {
  let at = 0;
  for (const piece of pieces) {
    if (typeof piece === "string") writeLatin1(piece, into, at);
    else into.set(piece, at);
    at += piece.length;
  }
}

const DONE = Promise.resolve();

/** Most heads fit, and there may be one on its way for each connection. */
const SMALL_BYTES = 2 * 1024;
/** As much as one read gives, and a head. */
const LARGE_BYTES = POOLED_BYTES + 16 * 1024;

const SMALL_POOL = new BufferPool(SMALL_BYTES, { maxBytes: 4 * 1024 * 1024 });
const LARGE_POOL = new BufferPool(LARGE_BYTES, { maxBytes: 5 * 1024 * 1024 });
