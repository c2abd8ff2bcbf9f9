/** One of the things counted. */
export interface Count {
  readonly key: string;
  readonly count: number;
  /** By how much the count may be too high: what had its place before. */
  readonly over: number;
}

/**
 * Counts the most frequent of arbitrarily many things in bounded memory: "Space-Saving" (Metwally,
 * Agrawal, El Abbadi, ICDT 2005). What makes up more than 1/`places` of all is certainly in it.
 */
export class TopCounts {
  readonly #places: number;
  readonly #counts = new Map<string, { count: number; over: number }>();

  constructor(places: number) {
    this.#places = places;
  }

  add(key: string): void {
    const known = this.#counts.get(key);
    if (known !== undefined) {
      known.count++;
      return;
    }
    const over = this.#counts.size < this.#places ? 0 : this.#evictLeast();
    this.#counts.set(key, { count: over + 1, over });
  }

  /** The most frequent first. */
  top(limit = this.#places): readonly Count[] {
    return [...this.#counts].map(([key, { count, over }]) => ({ key, count, over }))
      .sort((a, b) => b.count - a.count || b.key.localeCompare(a.key))
      .slice(0, limit);
  }

  /** @returns its count */
  #evictLeast(): number {
    let least = "";
    let count = Infinity;
    for (const [key, value] of this.#counts) {
      if (value.count < count) {
        least = key;
        count = value.count;
      }
    }
    this.#counts.delete(least);
    return count;
  }
}
