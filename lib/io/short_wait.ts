/**
 * A wait for what is at hand already: a read of that is settled a few turns of the microtask queue
 * later, so who waits for as long, and no longer, is not held up by a peer.
 */
export class ShortWait {
  readonly #turns: number;
  readonly #onOver: () => void;
  #left = 0;
  /** Whether the next turn is counted. */
  #counts = false;

  /** @param turns of the microtask queue. @param onOver called where it was not stopped before */
  constructor(turns: number, onOver: () => void) {
    this.#turns = turns;
    this.#onOver = onOver;
  }

  /** Begins, or begins anew. */
  start(): void {
    this.#left = this.#turns;
    if (!this.#counts) this.#count();
  }

  stop(): void {
    this.#left = 0;
  }

  #count(): void {
    this.#counts = true;
    NOW.then(this.#onTurn);
  }

  readonly #onTurn = (): void => {
    this.#counts = false;
    if (this.#left === 0) return;
    if (--this.#left > 0) this.#count();
    else this.#onOver();
  };
}

const NOW = Promise.resolve();
