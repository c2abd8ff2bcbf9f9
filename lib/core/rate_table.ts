import { hashOf } from "./hash.ts";
import { RateLog, rateLogBytes, type Taken } from "./rate_log.ts";

/** Places of a row, which share what their hash leads to. */
const WAYS = 8;
const ROWS = 8192;
/** Words of a place: whom it is for, and until when it is used up. */
const PLACE_WORDS = 2;
/** The seeds of the hashes. */
const HEAD_WORDS = 1;

const BYTES = BigInt64Array.BYTES_PER_ELEMENT;

const TABLE_BYTES = BYTES * (HEAD_WORDS + ROWS * WAYS * PLACE_WORDS);
/** Behind the table, where what is taken is told to others. */
const LOG = { begin: TABLE_BYTES, rows: ROWS, ways: WAYS };

/**
 * Memory for a `RateTable`: a mebibyte, for 65,536 keys at a time.
 *
 * @param told whether others are told what is taken, which takes another mebibyte
 */
export function rateMemory({ told = false }: { told?: boolean } = {}): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(TABLE_BYTES + (told ? rateLogBytes(LOG) : 0));
  // strangers choose keys: they are not to choose who shares a row with whom
  new Uint8Array(memory, 0, BYTES).set(crypto.getRandomValues(new Uint8Array(BYTES)));
  return memory;
}

/**
 * The clock that rates are counted by, in milliseconds: one that nobody can set. It is that of a
 * thread: one that was started behind a change of the system's clock has another.
 */
export function rateClock(): number {
  return performance.timeOrigin + performance.now();
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
  readonly #log: RateLog | undefined;
  readonly #behind: number;

  /** @param behind milliseconds by which the clock of this thread is behind that of the others */
  constructor(memory: SharedArrayBuffer, { behind = 0 }: { behind?: number } = {}) {
    this.#behind = behind;
    this.#seeds = new Int32Array(memory, 0, 2);
    this.#places = new BigInt64Array(memory, BYTES * HEAD_WORDS, ROWS * WAYS * PLACE_WORDS);
    this.#log = memory.byteLength > TABLE_BYTES ? new RateLog(memory, LOG) : undefined;
  }

  /** Has keys be known by the same numbers as elsewhere; whom it has known is a stranger then. */
  seed(seeds: Uint8Array<ArrayBuffer>): void {
    const view = new DataView(seeds.buffer, seeds.byteOffset, BYTES);
    for (const at of [0, 1]) this.#seeds[at] = view.getInt32(4 * at, true);
  }

  /**
   * Takes a token.
   *
   * @param now in milliseconds, see `rateClock`
   * @returns 0 where there was one, else the milliseconds until there will be
   */
  take(key: string, { interval, burst }: Rate, now: number): number {
    const [low, high] = [hashOf(key, this.#seeds[0] ?? 0), hashOf(key, this.#seeds[1] ?? 0)];
    // 0 stands for a free place
    const whose = BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low >>> 0)) || 1n;
    const place = this.#find(whose, low ^ high);
    const time = micros(now + this.#behind);
    const step = micros(interval);
    const most = step * BigInt(burst);
    for (;;) {
      const full = Atomics.load(this.#places, place + 1);
      const begin = full > time ? full : time;
      const next = begin + step;
      if (next - time > most) return Math.max(1, Math.ceil(Number(next - time - most) / 1000));
      if (Atomics.compareExchange(this.#places, place + 1, full, next) !== full) continue;
      this.#log?.note(place / PLACE_WORDS, { time, step });
      return 0;
    }
  }

  /** What was taken here since it was last asked, of about so many keys; the rest is for later. */
  news(most: number): Taken[] {
    return this.#log?.take(most, (place) => this.#places[place * PLACE_WORDS] ?? 0n) ?? [];
  }

  /** Takes what was taken elsewhere, also where there is less than that: it is paid back then. */
  add({ key, sum, alone }: Taken): void {
    const place = this.#find(key, Number(BigInt.asIntN(32, key ^ (key >> 32n))));
    for (;;) {
      const full = Atomics.load(this.#places, place + 1);
      const next = full + sum > alone ? full + sum : alone;
      if (Atomics.compareExchange(this.#places, place + 1, full, next) === full) return;
    }
  }

  /** The place of a key, which it may get just now. @param row both halves of it, exclusive-or */
  #find(whose: bigint, row: number): number {
    const first = ((row >>> 0) % ROWS) * WAYS * PLACE_WORDS;
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
    // full, for as long as can be told
    Atomics.store(this.#places, oldest + 1, 0n);
    this.#log?.forget(oldest / PLACE_WORDS);
    return oldest;
  }
}

function micros(milliseconds: number): bigint {
  return BigInt(Math.round(milliseconds * 1000));
}
