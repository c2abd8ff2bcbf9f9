import { LF } from "./write_all.ts";

/**
 * Lines as bytes. A line that waits as text keeps all the pieces that it was put together from, and
 * the collector of garbage has to carry them along: that cost more than all the rest of a log.
 */
export class LineBuffer {
  /** How many there are. */
  lines = 0;
  #bytes = new Uint8Array(FIRST_BYTES);
  #used = 0;

  /** Puts a line behind the others, with a newline. */
  add(line: string): void {
    // a character is three bytes at the most
    const needed = this.#used + 3 * line.length + 1;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(2 * needed);
      larger.set(this.#bytes.subarray(0, this.#used));
      this.#bytes = larger;
    }
    this.#used += encoder.encodeInto(line, this.#bytes.subarray(this.#used)).written;
    this.#bytes[this.#used++] = LF;
    this.lines++;
  }

  /** Each with its newline. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }

  /** Itself, without its lines; what it has outgrown is given back. */
  emptied(): this {
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = new Uint8Array(FIRST_BYTES);
    this.#used = 0;
    this.lines = 0;
    return this;
  }
}

/** Bytes of a buffer at the beginning: it is never smaller. */
const FIRST_BYTES = 4 * 1024;
/** Bytes of a buffer that is kept: it takes a burst to need more. */
const KEPT_BYTES = 1 << 19;
const encoder = new TextEncoder();
