const BIGINT_BYTES = BigInt64Array.BYTES_PER_ELEMENT;
const FLAG_BYTES = Int32Array.BYTES_PER_ELEMENT;
/** Words for each place: both of `Taken`. */
const LOG_WORDS = 2;

/**
 * What was taken of a bucket for a while, so that others can take the same: a bucket that is full
 * again at `t` is so at `max(t + sum, alone)` behind it. One number would not do: what was taken of a
 * full bucket adds nothing to the time before.
 */
export interface Taken {
  /** Whose bucket, as 64 bits that are never 0. */
  readonly key: bigint;
  /** Microseconds that the takes add to a bucket in use. */
  readonly sum: bigint;
  /** When a bucket would be full again that had been full before them, in microseconds. */
  readonly alone: bigint;
}

/** Bytes for a log of so many rows. */
export function rateLogBytes({ rows, ways }: { rows: number; ways: number }): number {
  return rows * ways * LOG_WORDS * BIGINT_BYTES + rows * FLAG_BYTES;
}

/**
 * What was taken since it was last told, for each place of a `RateTable`; written by all threads and
 * read by one. Between two words of a place another thread may come: then a take is told twice or not
 * at all, of millions.
 */
export class RateLog {
  readonly #words: BigInt64Array;
  /** Of each row whether anything in it is to be told. */
  readonly #news: Int32Array;
  readonly #ways: number;
  /** Where the last look has ended: who is told of in the end is nobody's privilege. */
  #row = 0;

  /** @param begin where it begins, a multiple of 8 */
  constructor(
    memory: SharedArrayBuffer,
    { begin, rows, ways }: { begin: number; rows: number; ways: number },
  ) {
    const words = rows * ways * LOG_WORDS;
    this.#words = new BigInt64Array(memory, begin, words);
    this.#news = new Int32Array(memory, begin + words * BIGINT_BYTES, rows);
    this.#ways = ways;
  }

  /** Something was taken at this place. */
  note(place: number, { time, step }: { time: bigint; step: bigint }): void {
    const at = place * LOG_WORDS;
    Atomics.add(this.#words, at, step);
    for (;;) {
      const alone = Atomics.load(this.#words, at + 1);
      const next = (alone > time ? alone : time) + step;
      if (Atomics.compareExchange(this.#words, at + 1, alone, next) === alone) break;
    }
    Atomics.store(this.#news, Math.floor(place / this.#ways), 1);
  }

  /** The place is somebody else's from now on. */
  forget(place: number): void {
    for (let word = 0; word < LOG_WORDS; word++) {
      Atomics.store(this.#words, place * LOG_WORDS + word, 0n);
    }
  }

  /**
   * Takes what there is to tell out of the log.
   *
   * @param most about how many, the rest is for the next time
   * @param keyAt whose place one is
   */
  take(most: number, keyAt: (place: number) => bigint): Taken[] {
    const taken: Taken[] = [];
    const rows = this.#news.length;
    for (let looked = 0; looked < rows && taken.length < most; looked++) {
      const row = this.#row;
      this.#row = (row + 1) % rows;
      if (this.#news[row] === 0) continue;
      Atomics.store(this.#news, row, 0);
      for (let place = row * this.#ways; place < (row + 1) * this.#ways; place++) {
        const sum = Atomics.exchange(this.#words, place * LOG_WORDS, 0n);
        const alone = Atomics.exchange(this.#words, place * LOG_WORDS + 1, 0n);
        if (sum !== 0n || alone !== 0n) taken.push({ key: keyAt(place), sum, alone });
      }
    }
    return taken;
  }
}
