import { POOLED_BYTES, READ_POOL } from "./buffer_pool.ts";

/**
 * Two buffers in turn, as the consumer may still hold one chunk while the next is read: small ones
 * while little comes, pooled ones once a read has filled its buffer.
 */
export class ReadBuffers {
  readonly #idleBytes: number;
  readonly #slots: [Slot, Slot] = [undefined, undefined];
  #turn: 0 | 1 = 0;
  #busy = false;

  constructor(idleBytes: number) {
    this.#idleBytes = idleBytes;
    this.#busy = idleBytes >= POOLED_BYTES;
  }

  /** The buffer for the next read; the chunk that it held before is over. */
  next(): Uint8Array<ArrayBuffer> {
    const old = this.#slots[this.#turn];
    if (old !== undefined) {
      if ((old.length === POOLED_BYTES) === this.#busy) return old;
      READ_POOL.give(old);
    }
    const buffer = this.#busy ? READ_POOL.take() : new Uint8Array(this.#idleBytes);
    this.#slots[this.#turn] = buffer;
    return buffer;
  }

  /** The last `next` now holds a chunk of so many bytes. */
  used(count: number): void {
    this.#busy = this.#idleBytes >= POOLED_BYTES || count >= this.#idleBytes;
    this.#turn = this.#turn === 0 ? 1 : 0;
  }

  /** Every chunk is over: one buffer will do, the one that was filled last. */
  release(): void {
    const spare = this.#slots[this.#turn];
    this.#slots[this.#turn] = undefined;
    if (spare !== undefined) READ_POOL.give(spare);
    this.#turn = this.#turn === 0 ? 1 : 0;
  }

  /** The last `next` was not filled and will not be. */
  giveUnused(): void {
    const buffer = this.#slots[this.#turn];
    this.#slots[this.#turn] = undefined;
    if (buffer !== undefined) READ_POOL.give(buffer);
  }
}

type Slot = Uint8Array<ArrayBuffer> | undefined;
