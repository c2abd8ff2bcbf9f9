import { REMEMBERED_RESETS } from "./budgets.ts";

/** How the streams of a connection came to their end that are over, for as long as it matters. */
export class PastStreams {
  /** Streams that we have reset last, oldest first. */
  readonly #resets = new Set<number>();
  /** The last of those before: up to it nobody knows any more how a stream came to its end. */
  #lastForgotten = 0;

  /** We have reset a stream: its peer may not know yet, and go on for a while. */
  addReset(id: number): void {
    this.#resets.add(id);
    if (this.#resets.size <= REMEMBERED_RESETS) return;
    const oldest = this.#resets.values().next().value as number;
    this.#resets.delete(oldest);
    this.#lastForgotten = Math.max(this.#lastForgotten, oldest);
  }

  /** The state of a stream that was there and is over. */
  stateOf(id: number): "reset" | "closed" {
    return id <= this.#lastForgotten || this.#resets.has(id) ? "reset" : "closed";
  }
}
