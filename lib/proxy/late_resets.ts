import type { Deadline, Deadlines } from "../io/deadlines.ts";
import type { Stream } from "../http2/stream.ts";

/** For how long a client may take in an answer before the rest of its request is refused. */
const LATE_MS = 100;

/**
 * Resets the streams whose answers have ended before their requests (RFC 9113, section 8.1), a moment
 * later: there are clients, curl 7.88 among them, that lose an answer with a reset right behind it.
 */
export class LateResets<Owner> implements Disposable {
  readonly #deadlines: Deadlines;
  readonly #reset: (stream: Stream<Owner>) => void;
  /** Those that wait for the deadline that is armed, and those that have come since. */
  #due: Stream<Owner>[] = [];
  #next: Stream<Owner>[] = [];
  #deadline: Deadline | undefined;

  constructor(deadlines: Deadlines, reset: (stream: Stream<Owner>) => void) {
    this.#deadlines = deadlines;
    this.#reset = reset;
  }

  add(stream: Stream<Owner>): void {
    if (this.#due.length > 0) return void this.#next.push(stream);
    this.#due.push(stream);
    this.#wait();
  }

  [Symbol.dispose](): void {
    this.#due = this.#next = [];
    this.#deadline?.[Symbol.dispose]();
  }

  #wait(): void {
    this.#deadline ??= this.#deadlines.watch();
    this.#deadline.arm(LATE_MS, this.#onLate);
  }

  readonly #onLate = (): void => {
    for (const stream of this.#due) this.#reset(stream);
    this.#due = this.#next;
    this.#next = [];
    if (this.#due.length > 0) this.#wait();
  };
}
