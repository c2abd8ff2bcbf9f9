/** Milliseconds between two looks at the clock: how late a deadline may be noticed. */
const TICK_MS = 100;

/**
 * The deadlines of many connections on one timer. Each connection watches through one `Deadline`
 * of its own, and arming it is a number written: a timer for each read would cost more than the
 * read.
 */
export class Deadlines {
  readonly #watched = new Set<Deadline>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** A deadline, not armed yet; dispose it when its connection is over. */
  watch(): Deadline {
    const deadline = new Deadline((over) => this.#forget(over));
    this.#watched.add(deadline);
    this.#timer ??= setInterval(() => this.#look(), TICK_MS);
    return deadline;
  }

  #look(): void {
    const now = performance.now();
    for (const deadline of this.#watched) deadline.expireIfDue(now);
  }

  #forget(deadline: Deadline): void {
    this.#watched.delete(deadline);
    if (this.#watched.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}

/** One point in time at a time, and what to do when it has come. */
export class Deadline implements Disposable {
  readonly #forget: (deadline: Deadline) => void;
  #due = Infinity;
  #onExpire: () => void = () => {};

  constructor(forget: (deadline: Deadline) => void) {
    this.#forget = forget;
  }

  /** Replaces whatever was armed: `onExpire` is called once, `ms` from now at the earliest. */
  arm(ms: number, onExpire: () => void): void {
    this.#due = performance.now() + ms;
    this.#onExpire = onExpire;
  }

  disarm(): void {
    this.#due = Infinity;
  }

  /** Called by the wheel. */
  expireIfDue(now: number): void {
    if (now < this.#due) return;
    this.#due = Infinity;
    this.#onExpire();
  }

  [Symbol.dispose](): void {
    this.disarm();
    this.#forget(this);
  }
}
