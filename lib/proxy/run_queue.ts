/** A request that is about to be sent to a server. */
export interface Runner {
  /**
   * It may run.
   *
   * @param now `performance.now()`
   * @returns whether it does: by now nobody may wait for it any more
   */
  run(now: number): boolean;
}

/**
 * How many run at once where many have come: what so many requests and their connections keep in
 * memory stays in the processor's caches from one step to the next. With 256 at once each step finds
 * that the other ones have driven it out, and a request costs a third more.
 */
const LEAST_RUNNING = 32;
/** Milliseconds of a round. Who runs for longer than one or two waits for a server, and holds up nobody. */
const ROUND_MS = 4;
/** How many may have been taken from the front of a queue before it is shortened. */
const MOST_TAKEN = 1024;

/**
 * Requests that wait for others to end, where more have come than can be worked on: they would wait
 * for the processor anyway, and are served the sooner. First come, first served.
 *
 * Only those count as running that take the processor's time. Where few of them end within a round
 * they wait for their servers instead, and twice as many may run.
 */
export class RunQueue {
  #round = 1;
  #roundBegan = 0;
  #mostRunning = LEAST_RUNNING;
  /** How many run that began in this round, or in the one before. */
  #running = 0;
  #runningBefore = 0;
  /** How many have ended since it was last looked how many may run. */
  #ended = 0;
  #waiting: Runner[] = [];
  /** Who waits begins here. */
  #first = 0;
  #isAdmitting = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** How many wait. */
  get size(): number {
    return this.#waiting.length - this.#first;
  }

  /** The round that one is in that runs from now on. */
  get round(): number {
    return this.#round;
  }

  /**
   * @param now `performance.now()`
   * @returns whether it may run at once; if not, it is called when it may
   */
  enter(runner: Runner, now: number): boolean {
    if (this.size === 0) {
      if (this.#isFull && now - this.#roundBegan >= ROUND_MS) this.#nextRound(now);
      if (!this.#isFull) {
        this.#running++;
        return true;
      }
    }
    this.#waiting.push(runner);
    this.#timer ??= setTimeout(this.#onRoundOver, ROUND_MS);
    return false;
  }

  /** One has ended that began to run in that round. */
  leave(round: number): void {
    if (round === this.#round) this.#running--;
    else if (round === this.#round - 1 && round > 0) this.#runningBefore--;
    else return;
    this.#ended++;
    const areFast = this.#ended >= this.#mostRunning;
    if (areFast && this.#mostRunning > LEAST_RUNNING) this.#runFewer();
    if (this.#isAdmitting || this.size === 0) return;
    // behind whatever ends it
    this.#isAdmitting = true;
    queueMicrotask(this.#admit);
  }

  get #isFull(): boolean {
    return this.#running + this.#runningBefore >= this.#mostRunning;
  }

  readonly #admit = (): void => {
    this.#isAdmitting = false;
    if (this.size === 0 || this.#isFull) return;
    const now = performance.now();
    while (this.size > 0 && !this.#isFull) {
      // counted before it runs, as it may end at once
      this.#running++;
      if (!this.#take().run(now)) this.#running--;
    }
  };

  #take(): Runner {
    const runner = this.#waiting[this.#first++] as Runner;
    if (this.size === 0 || this.#first === MOST_TAKEN) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    return runner;
  }

  readonly #onRoundOver = (): void => {
    this.#timer = undefined;
    if (this.size === 0) return;
    this.#nextRound(performance.now());
    this.#admit();
    if (this.size > 0) this.#timer = setTimeout(this.#onRoundOver, ROUND_MS);
  };

  #nextRound(now: number): void {
    if (this.#ended * 2 < this.#mostRunning) this.#mostRunning *= 2;
    else this.#runFewer();
    this.#ended = 0;
    this.#round++;
    this.#roundBegan = now;
    this.#runningBefore = this.#running;
    this.#running = 0;
  }

  #runFewer(): void {
    this.#mostRunning = Math.max(LEAST_RUNNING, this.#mostRunning / 2);
    this.#ended = 0;
  }
}
