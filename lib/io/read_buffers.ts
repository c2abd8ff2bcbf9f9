import { BufferPool, POOLED_BYTES, READ_POOL } from "./buffer_pool.ts";

/** Bytes of a buffer for who has a little more to say now and then, and waits in between. */
const MIDDLE_BYTES = 8 * 1024;
const MIDDLE_POOL = new BufferPool(MIDDLE_BYTES, { maxBytes: 1024 * 1024 });

/**
 * Two buffers in turn, as the consumer may still hold one chunk while the next is read: small ones
 * while little comes, and pooled ones behind a read that would have filled one that is smaller.
 */
export class ReadBuffers {
  readonly #idleBytes: number;
  readonly #slots: [Slot, Slot] = [undefined, undefined];
  #turn: 0 | 1 = 0;
  /** Bytes of the next one, or of the one that is being read into. */
  #bytes: number;

  constructor(idleBytes: number) {
    this.#idleBytes = idleBytes;
    this.#bytes = idleBytes;
  }

  /** The buffer for the next read; the chunk that it held before is over. */
  next(): Uint8Array<ArrayBuffer> {
    const old = this.#slots[this.#turn];
    if (old !== undefined) {
      if (old.length === this.#bytes) return old;
      give(old);
    }
    return this.#slots[this.#turn] = take(this.#bytes);
  }

  /** The last `next` now holds a chunk of so many bytes. */
  used(count: number): void {
    this.#bytes = this.#sizeBehind(count);
    this.#turn = this.#turn === 0 ? 1 : 0;
  }

  /** Every chunk is over: one buffer will do, the one that was filled last. */
  release(): void {
    const spare = this.#slots[this.#turn];
    this.#slots[this.#turn] = undefined;
    if (spare !== undefined) give(spare);
    this.#turn = this.#turn === 0 ? 1 : 0;
  }

  /** The last `next` was not filled and will not be. */
  giveUnused(): void {
    const buffer = this.#slots[this.#turn];
    this.#slots[this.#turn] = undefined;
    if (buffer !== undefined) give(buffer);
  }

  #sizeBehind(count: number): number {
    const small = this.#idleBytes;
    if (count < small || small >= POOLED_BYTES) return small;
    return count < MIDDLE_BYTES || this.#bytes < MIDDLE_BYTES ? MIDDLE_BYTES : POOLED_BYTES;
  }
}

type Slot = Uint8Array<ArrayBuffer> | undefined;

function take(bytes: number): Uint8Array<ArrayBuffer> {
  if (bytes === POOLED_BYTES) return READ_POOL.take();
  return bytes === MIDDLE_BYTES ? MIDDLE_POOL.take() : new Uint8Array(bytes);
}

/** What is no buffer of a pool is left. */
function give(buffer: Uint8Array<ArrayBuffer>): void {
  READ_POOL.give(buffer);
  MIDDLE_POOL.give(buffer);
}
