import { BufferPool, READ_POOL } from "./buffer_pool.ts";

/**
 * Bytes of a body that have come and that nobody has taken, copied, as what they came in is read
 * into again. What waits comes out in as few ranges as there are buffers.
 */
export class Inbox {
  readonly #waiting: Filled[] = [];
  /** What was given last; nothing is put behind it. */
  #given: Filled | undefined;

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  put(bytes: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to;) {
      const last = this.#waiting.at(-1);
      const filled = last !== undefined && last.to < last.bytes.length ? last : this.#add(to - at);
      const taken = Math.min(to - at, filled.bytes.length - filled.to);
      filled.bytes.set(bytes.subarray(at, at + taken), filled.to);
      filled.to += taken;
      at += taken;
    }
  }

  /** What has waited longest; to be followed by `free` before the next. */
  take(): Filled | undefined {
    return this.#given = this.#waiting.shift();
  }

  /** The range that was given last is over. */
  free(): void {
    if (this.#given !== undefined) giveBuffer(this.#given.bytes);
    this.#given = undefined;
  }

  /** Forgets everything; what was given may still be read, so it is nobody's from here on. */
  clear(): void {
    for (const { bytes } of this.#waiting.splice(0)) giveBuffer(bytes);
    this.#given = undefined;
  }

  /** A little that comes alone is most often all there is. */
  #add(bytes: number): Filled {
    const isLittle = bytes <= LITTLE_BYTES && this.#waiting.length === 0;
    const buffer = isLittle ? LITTLE_POOL.take() : READ_POOL.take();
    const filled = { bytes: buffer, from: 0, to: 0 };
    this.#waiting.push(filled);
    return filled;
  }
}

const LITTLE_BYTES = 4 * 1024;
const LITTLE_POOL = new BufferPool(LITTLE_BYTES, { maxBytes: 1024 * 1024 });

function giveBuffer(buffer: Uint8Array<ArrayBuffer>): void {
  LITTLE_POOL.give(buffer);
  READ_POOL.give(buffer);
}

/** Some bytes of a buffer. */
interface Filled {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly from: number;
  to: number;
}
