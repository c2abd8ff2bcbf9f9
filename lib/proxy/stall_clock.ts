import type { Deadline } from "../io/deadlines.ts";

export interface StallClockOptions {
  readonly deadline: Deadline;
  /** How much was taken so far. */
  readonly moved: () => number;
  /** Called once nothing has moved for as long as it may, with that. */
  readonly onLate: (ms: number) => void;
}

/** The clock on a client that is to take something: it is late once nothing moves for a while. */
export class StallClock implements Disposable {
  readonly #options: StallClockOptions;
  #ms = 0;
  #before = 0;

  constructor(options: StallClockOptions) {
    this.#options = options;
  }

  start(ms: number): void {
    this.#ms = ms;
    this.#before = this.#options.moved();
    this.#options.deadline.arm(ms, this.#look);
  }

  stop(): void {
    this.#options.deadline.disarm();
  }

  readonly #look = (): void => {
    if (this.#options.moved() === this.#before) this.#options.onLate(this.#ms);
    else this.start(this.#ms);
  };

  [Symbol.dispose](): void {
    this.#options.deadline[Symbol.dispose]();
  }
}
