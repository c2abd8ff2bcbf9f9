import { hashOf } from "../core/hash.ts";
import { type Count, type CountByKey, type Counters, OWN_COUNTERS } from "../core/counters.ts";

/**
 * Things that are counted by name at the most; what comes beyond them each thread counts alone. Each
 * address that a name has ever had is one: pods come and go with addresses of their own for months.
 */
const NAMES = 1 << 16;
/** Places for keys in each row; a key has one in each. */
const KEYS = 1 << 16;
const KEY_ROWS = 2;

/** Where a thread's own counts are, among those of all, and how long they are. */
const COUNTS = NAMES + KEYS * KEY_ROWS;
/** What stands before the counts: the hashes of names, and the seeds of those of keys. */
const HEAD = NAMES + KEY_ROWS;

const WORD_BYTES = Int32Array.BYTES_PER_ELEMENT;

/** Memory for the counts of so many workers, all zero; it takes what is used of it. */
export function counterMemory(workers: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(WORD_BYTES * (HEAD + COUNTS * (workers + 1)));
  // strangers choose keys: they are not to choose whose places they share
  new Int32Array(memory, WORD_BYTES * NAMES, KEY_ROWS)
    .set(crypto.getRandomValues(new Int32Array(KEY_ROWS)));
  return memory;
}

/**
 * Counts that several threads keep together, without a lock: each adds to the sum, and to a part of
 * its own, which is taken off the sum when it dies.
 *
 * Names have their places for good. Keys, which strangers choose, share places by their hash: of the
 * two places of a key the lower count is at most too high, by what others have in both. With 10,000
 * other keys in use that is so for one in fifty.
 */
export class SharedCounters implements Counters {
  /** The hash of the name at each place; 0 where there is none. */
  readonly #names: Int32Array;
  /** Of the hashes of keys, for each row. */
  readonly #seeds: Int32Array;
  readonly #sums: Int32Array;
  readonly #own: Int32Array;

  /** @param worker which of them this is, from 0 */
  constructor(memory: SharedArrayBuffer, worker: number) {
    const counts = (index: number) =>
      new Int32Array(memory, WORD_BYTES * (HEAD + COUNTS * index), COUNTS);
    this.#names = new Int32Array(memory, 0, NAMES);
    this.#seeds = new Int32Array(memory, WORD_BYTES * NAMES, KEY_ROWS);
    this.#sums = counts(0);
    this.#own = counts(worker + 1);
  }

  count(name: string): Count {
    const [sums, own, place] = [this.#sums, this.#own, this.#placeOf(name)];
    if (place === undefined) return OWN_COUNTERS.count(name);
    return {
      get value() {
        return Atomics.load(sums, place);
      },
      add(by) {
        Atomics.add(own, place, by);
        return Atomics.add(sums, place, by) + by;
      },
    };
  }

  byKey(name: string): CountByKey {
    const [sums, own, seeds] = [this.#sums, this.#own, this.#seeds];
    return {
      add: (key, by) => {
        const text = `${name} ${key}`;
        let least = Infinity;
        for (let row = 0; row < KEY_ROWS; row++) {
          const place = NAMES + row * KEYS + (hashOf(text, seeds[row] ?? 0) >>> 0) % KEYS;
          Atomics.add(own, place, by);
          least = Math.min(least, Atomics.add(sums, place, by) + by);
        }
        return least;
      },
    };
  }

  /** The worker has died: nothing of what it counted is there any more. */
  forget(): void {
    for (let place = 0; place < COUNTS; place++) {
      const count = Atomics.exchange(this.#own, place, 0);
      if (count !== 0) Atomics.sub(this.#sums, place, count);
    }
  }

  /** @returns undefined where all places are taken */
  #placeOf(name: string): number | undefined {
    // 0 stands for none
    const hash = hashOf(name, 0) | 1;
    for (let step = 0; step < NAMES; step++) {
      const place = ((hash >>> 1) + step) % NAMES;
      const there = Atomics.compareExchange(this.#names, place, 0, hash);
      if (there === 0 || there === hash) return place;
    }
    return undefined;
  }
}
