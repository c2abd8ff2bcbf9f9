import type { Stream } from "./stream.ts";

/**
 * The streams of a connection that are not over, by their numbers, which rise: a short list in their
 * order. A `Map` would be copied again and again as they come and go, and keep those that are over
 * from being collected, see `Roster`.
 */
export class StreamTable<Owner> {
  readonly #streams: Stream<Owner>[] = [];

  get size(): number {
    return this.#streams.length;
  }

  get(id: number): Stream<Owner> | undefined {
    const stream = this.#streams[this.#placeOf(id)];
    return stream?.id === id ? stream : undefined;
  }

  [Symbol.iterator](): Iterator<Stream<Owner>> {
    return this.#streams[Symbol.iterator]();
  }

  /** All that are in it now, for who makes some go. */
  values(): Stream<Owner>[] {
    return this.#streams.slice();
  }

  /** Puts in one that is not there. */
  add(stream: Stream<Owner>): void {
    const streams = this.#streams;
    let place = streams.push(stream) - 1;
    for (; place > 0; place--) {
      const before = streams[place - 1] as Stream<Owner>;
      if (before.id < stream.id) break;
      streams[place] = before;
    }
    streams[place] = stream;
  }

  /** Takes one out, if it is there. */
  delete({ id }: Stream<Owner>): void {
    const streams = this.#streams;
    const place = this.#placeOf(id);
    if (streams[place]?.id !== id) return;
    for (let i = place + 1; i < streams.length; i++) streams[i - 1] = streams[i] as Stream<Owner>;
    streams.pop();
  }

  /** How many have a lower number. */
  #placeOf(id: number): number {
    const streams = this.#streams;
    let from = 0;
    let to = streams.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((streams[middle] as Stream<Owner>).id < id) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
