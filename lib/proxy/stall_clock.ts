import type { Deadline } from "../io/deadlines.ts";

/** The clock on a client that is to take something: it is late once nothing moves for a while. */
export class StallClock implements Disposable {
  readonly #deadline: Deadline;

  constructor(deadline: Deadline) {
    this.#deadline = deadline;
  }

  /** @param moved how much was taken so far */
  start(ms: number, moved: () => number, onLate: (ms: number) => void): void {
    const before = moved();
    this.#deadline.arm(ms, () => {
      if (moved() === before) onLate(ms);
      else this.start(ms, moved, onLate);
    });
  }

  stop(): void {
    this.#deadline.disarm();
  }

  [Symbol.dispose](): void {
    this.#deadline[Symbol.dispose]();
  }
}
