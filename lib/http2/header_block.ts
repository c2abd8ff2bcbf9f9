import { NO_BYTES } from "../io/buffer_pool.ts";
import { MAX_CONTINUATIONS, tooMany } from "./budgets.ts";

/** What holds at the time. */
export interface BlockLimits {
  /** Bytes of a header block in several frames, as it comes. */
  readonly blockBytes: number;
}

/** A header block that comes in several frames (RFC 9113, section 4.3). */
export class HeaderBlock {
  /** The stream whose block goes on; 0 where none does. */
  id = 0;
  ended = false;
  dependsOnItself = false;
  #bytes: Uint8Array = NO_BYTES;
  #length = 0;
  #frames = 0;
  readonly #limits: BlockLimits;

  constructor(limits: BlockLimits) {
    this.#limits = limits;
  }

  begin(id: number, says: { ended: boolean; dependsOnItself: boolean }): void {
    this.id = id;
    this.ended = says.ended;
    this.dependsOnItself = says.dependsOnItself;
    this.#length = 0;
    this.#frames = 0;
  }

  /** @throws {Http2Error} where it is too large or comes in too many pieces */
  append(bytes: Uint8Array, from: number, to: number): void {
    if (this.#frames++ > MAX_CONTINUATIONS) throw tooMany("CONTINUATION frames");
    const { blockBytes } = this.#limits;
    const needed = this.#length + to - from;
    if (needed > blockBytes) throw tooMany("bytes in a header block");
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.min(blockBytes, needed * 2));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes.subarray(from, to), this.#length);
    this.#length = needed;
  }

  /** It is whole: gives its bytes, and keeps nothing. */
  end(): Uint8Array {
    const whole = this.#bytes.subarray(0, this.#length);
    this.id = 0;
    this.#bytes = NO_BYTES;
    this.#length = 0;
    return whole;
  }
}
