/** How many there are of something, counted by one thread or by several together. */
export interface Count {
  /** Of all who count it. */
  readonly value: number;
  /** @returns the value that it has by this, whoever else adds at the same time */
  add(by: number): number;
}

/** The same for each of many, such as addresses, that come and go. */
export interface CountByKey {
  /** @returns the value that it has by this */
  add(key: string, by: number): number;
}

/** Makes counts: whoever asks for the same name counts the same thing. */
export interface Counters {
  count(name: string): Count;
  byKey(name: string): CountByKey;
}

/** Counts of one thread. Nobody else asks for them, so each is new. */
export const OWN_COUNTERS: Counters = {
  count: () => new OwnCount(),
  byKey: () => new OwnCountByKey(),
};

class OwnCount implements Count {
  value = 0;

  add(by: number): number {
    return this.value += by;
  }
}

class OwnCountByKey implements CountByKey {
  readonly #counts = new Map<string, number>();

  add(key: string, by: number): number {
    const count = (this.#counts.get(key) ?? 0) + by;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
    return count;
  }
}
