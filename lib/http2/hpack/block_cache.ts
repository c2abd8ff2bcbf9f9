import { NO_BYTES } from "../../io/buffer_pool.ts";
import type { HeaderDecoder } from "./decoder.ts";

/**
 * The header blocks of one connection that came last, and what they said. Clients repeat
 * themselves: the same fields, by the same indices, and another path. So a block is kept with a
 * hole where its path stands. What a block means depends on the table: when that changes, all that
 * is kept is out of date.
 */
export class BlockCache<Facts> {
  readonly #decoder: HeaderDecoder;
  readonly #entries: Entry<Facts>[] = [];
  #next = 0;
  /** The path of the block that was found last, where it differs from that of the facts. */
  path: string | undefined;

  constructor(decoder: HeaderDecoder) {
    this.#decoder = decoder;
  }

  /**
   * What the block says that stands in `bytes`, if it came before, but for `path`.
   *
   * @throws {Http2Error} where the path is malformed
   */
  find(bytes: Uint8Array, from: number, to: number): Facts | undefined {
    const { generation } = this.#decoder;
    this.path = undefined;
    for (let i = 0; i < this.#entries.length; i++) {
      const entry = this.#entries[i] as Entry<Facts>;
      if (entry.generation !== generation) continue;
      const isSame = entry.length === to - from && sameBytes(entry, bytes, from, 0, entry.length);
      if (isSame || this.#matchesAround(entry, bytes, from, to)) return entry.facts;
    }
    return undefined;
  }

  /**
   * Keeps what the block said that the decoder read last.
   *
   * @param generation before it was read: a block that changes the table says something else next time
   */
  keep(
    bytes: Uint8Array,
    { from, to, generation, facts }: {
      from: number;
      to: number;
      generation: number;
      facts: Facts;
    },
  ): void {
    const decoder = this.#decoder;
    const length = to - from;
    if (generation !== decoder.generation || length > MAX_BYTES) return;
    const entry = this.#entries[this.#next] ?? newEntry(facts);
    this.#entries[this.#next] = entry;
    this.#next = (this.#next + 1) % MAX_ENTRIES;
    if (entry.bytes.length < length) entry.bytes = bytes.slice(from, to);
    else entry.bytes.set(bytes.subarray(from, to));
    entry.length = length;
    entry.generation = generation;
    entry.facts = facts;
    const hasHole = decoder.pathTo > 0;
    entry.holeFrom = hasHole ? decoder.pathFrom - from : 0;
    entry.holeTo = hasHole ? decoder.pathTo - from : 0;
  }

  /** Whether all but the path is the same; the byte that begins the path's literal is. */
  #matchesAround(entry: Entry<Facts>, bytes: Uint8Array, from: number, to: number): boolean {
    const { holeFrom, holeTo, length } = entry;
    const behind = length - holeTo;
    if (holeTo === 0 || to - from - behind <= holeFrom + 1) return false;
    if (!sameBytes(entry, bytes, from, 0, holeFrom + 1)) return false;
    if (!sameBytes(entry, bytes, to - length, holeTo, length)) return false;
    const path = this.#decoder.readPath(bytes, from + holeFrom, to);
    if (this.#decoder.pathTo !== to - behind) return false;
    this.path = path;
    return true;
  }
}

interface Entry<Facts> {
  bytes: Uint8Array;
  length: number;
  generation: number;
  facts: Facts;
  /** Where the path's literal stands; both 0 where there is none that may differ. */
  holeFrom: number;
  holeTo: number;
}

/** What it may cost a connection: 4 KiB. */
const MAX_ENTRIES = 8;
const MAX_BYTES = 512;

function newEntry<Facts>(facts: Facts): Entry<Facts> {
  return { bytes: NO_BYTES, length: 0, generation: 0, facts, holeFrom: 0, holeTo: 0 };
}

/** Whether the entry's bytes from `start` to `end` stand in `bytes` as well, whose first are at `from`. */
function sameBytes<Facts>(
  { bytes: kept }: Entry<Facts>,
  bytes: Uint8Array,
  from: number,
  start: number,
  end: number,
): boolean {
  for (let i = start; i < end; i++) if (kept[i] !== bytes[from + i]) return false;
  return true;
}
