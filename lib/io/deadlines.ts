/** Milliseconds between two ticks: about how late a deadline may be noticed. */
const TICK_MS = 100;

/** A clock that goes in ticks: to read it is a field, where the system's clock is a call. */
export interface Clock {
  /** Milliseconds; it may lag behind the system's clock, never run ahead of it. */
  readonly now: number;
}

/**
 * The deadlines of many connections on one timer. Each connection watches through one `Deadline`
 * of its own, and arming it is a number written: a timer for each read would cost more than the
 * read.
 */
export class Deadlines implements Clock {
  now = 0;
  /** In no order; each knows its place. No `Set`, see `Roster`: connections come and go. */
  readonly #watched: Deadline[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;

  /** A deadline, not armed yet; dispose it when its connection is over. */
  watch(): Deadline {
    const deadline = new Deadline(this, this.#forget);
    deadline.place = this.#watched.push(deadline) - 1;
    this.#timer ??= setInterval(() => this.#look(), TICK_MS);
    return deadline;
  }

  #look(): void {
    this.now += TICK_MS;
    // backwards: in the place of one that goes stands the last one then, which has been asked
    for (let i = this.#watched.length - 1; i >= 0; i--) this.#watched[i]?.expireIfDue();
  }

  /** One for all: each connection has several deadlines. */
  readonly #forget = (deadline: Deadline): void => {
    const { place } = deadline;
    if (place === NOWHERE) return;
    deadline.place = NOWHERE;
    const last = this.#watched.pop();
    if (last !== undefined && last !== deadline) {
      this.#watched[place] = last;
      last.place = place;
    }
    if (this.#watched.length === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  };
}

const NOWHERE = -1;

/** One point in time at a time, and what to do when it has come. */
export class Deadline implements Disposable {
  readonly #clock: Clock;
  readonly #forget: (deadline: Deadline) => void;
  /** Where it stands among those that are watched. */
  place = NOWHERE;
  #due = Infinity;
  #onExpire: () => void = nothing;

  constructor(clock: Clock, forget: (deadline: Deadline) => void) {
    this.#clock = clock;
    this.#forget = forget;
  }

  /** Replaces whatever was armed: `onExpire` is called once, `ms` from now at the earliest. */
  arm(ms: number, onExpire: () => void): void {
    // a tick more, as the next one may come at once
    this.#due = this.#clock.now + ms + TICK_MS;
    this.#onExpire = onExpire;
  }

  disarm(): void {
    this.#due = Infinity;
    // what it knows would live as long as this does
    this.#onExpire = nothing;
  }

  /** Called at each tick. */
  expireIfDue(): void {
    if (this.#clock.now < this.#due) return;
    this.#due = Infinity;
    this.#onExpire();
  }

  [Symbol.dispose](): void {
    this.disarm();
    this.#forget(this);
  }
}

function nothing(): void {}
