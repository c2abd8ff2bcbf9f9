/** Bytes of a buffer to read into: a full TLS record is 16 KiB, a socket's answer often more. */
export const POOLED_BYTES = 64 * 1024;

/** What stands where there is no buffer: to make an empty one costs 200 bytes. */
export const NO_BYTES: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/** Buffers of one size, kept for whoever needs one next. */
export class BufferPool {
  readonly #bytes: number;
  readonly #maxKept: number;
  readonly #kept: Uint8Array<ArrayBuffer>[] = [];

  /** @param maxBytes of all that are kept */
  constructor(bytes: number, { maxBytes }: { maxBytes: number }) {
    this.#bytes = bytes;
    this.#maxKept = Math.floor(maxBytes / bytes);
  }

  /** One with anything in it. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#kept.pop() ?? new Uint8Array(this.#bytes);
  }

  /**
   * Gives one back; what is no buffer of this pool is left. The caller must be the last who knows
   * it.
   */
  give(buffer: Uint8Array<ArrayBuffer>): void {
    const isOurs = buffer.length === this.#bytes;
    if (isOurs && this.#kept.length < this.#maxKept) this.#kept.push(buffer);
  }
}

/** Buffers of `POOLED_BYTES` to read into. */
export const READ_POOL = new BufferPool(POOLED_BYTES, { maxBytes: 8 * 1024 * 1024 });
