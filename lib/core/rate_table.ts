import { hashOf } from "./hash.ts";

/** Places of a row, which share what their hash leads to. */
const WAYS = 8;
const ROWS = 8192;
/** Words of a place: whom it is for, and until when it is used up. */
const PLACE_WORDS = 2;
/** The seeds of the hashes. */
const HEAD_WORDS = 1;

const BYTES = BigInt64Array.BYTES_PER_ELEMENT;

/** Memory for a `RateTable`: a mebibyte, for 65,536 keys at a time. */
export function rateMemory(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(BYTES * (HEAD_WORDS + ROWS * WAYS * PLACE_WORDS));
  // strangers choose keys: they are not to choose who shares a row with whom
  new Uint8Array(memory, 0, BYTES).set(crypto.getRandomValues(new Uint8Array(BYTES)));
  return memory;
}

/** How often something may happen. */
export interface Rate {
  /** Milliseconds between two, on the average. */
  readonly interval: number;
  /** How many may come at once after a long rest; 1 or more. */
  readonly burst: number;
}

/**
 * Token buckets by key, kept by several threads together (as the generic cell rate algorithm, ITU-T
 * I.371: of a bucket only the time is kept at which it will be full). It does not grow: where a row
 * is taken, a key whose bucket is full again makes room, which loses nothing, else the one that is
 * the nearest to it.
 */
export class RateTable {
  readonly #places: BigInt64Array;
  readonly #seeds: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#seeds = new Int32Array(memory, 0, 2);
    this.#places = new BigInt64Array(memory, BYTES * HEAD_WORDS);
  }

  /**
   * Takes a token.
   *
   * @param now in milliseconds, the same for all threads
   * @returns 0 where there was one, else the milliseconds until there will be
   */
  take(key: string, { interval, burst }: Rate, now: number): number {
    const [low, high] = [hashOf(key, this.#seeds[0] ?? 0), hashOf(key, this.#seeds[1] ?? 0)];
    // 0 stands for a free place
    const whose = BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low >>> 0)) || 1n;
    const row = ((low ^ high) >>> 0) % ROWS;
    const time = micros(now);
    const place = this.#find(row, whose, time);
    const step = micros(interval);
    const most = step * BigInt(burst);
    for (;;) {
      const full = Atomics.load(this.#places, place + 1);
      const begin = full > time ? full : time;
      const next = begin + step;
      if (next - time > most) return Math.max(1, Math.ceil(Number(next - time - most) / 1000));
      if (Atomics.compareExchange(this.#places, place + 1, full, next) === full) return 0;
    }
  }

  /** The place of a key, which it may get just now. */
  #find(row: number, whose: bigint, time: bigint): number {
    const first = row * WAYS * PLACE_WORDS;
    let oldest = first;
    let least: bigint | undefined;
    for (let way = 0; way < WAYS; way++) {
      const place = first + way * PLACE_WORDS;
      const there = Atomics.load(this.#places, place);
      if (there === whose) return place;
      const full = there === 0n ? 0n : Atomics.load(this.#places, place + 1);
      if (least === undefined || full < least) [oldest, least] = [place, full];
    }
    Atomics.store(this.#places, oldest, whose);
    Atomics.store(this.#places, oldest + 1, time);
    return oldest;
  }
}

function micros(milliseconds: number): bigint {
  return BigInt(Math.round(milliseconds * 1000));
}
