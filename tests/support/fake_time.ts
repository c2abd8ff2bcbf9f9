/** Timers and `performance.now` on a clock that the test moves. */
export class FakeTime implements Disposable {
  /** Milliseconds since it began. */
  now = 0;
  readonly #real = { setTimeout, clearTimeout, now: performance.now };
  readonly #timers = new Map<number, { due: number; run: () => void }>();
  #last = 0;

  constructor() {
    Object.assign(globalThis, {
      setTimeout: (run: () => void, ms = 0) => {
        this.#timers.set(++this.#last, { due: this.now + ms, run });
        return this.#last;
      },
      clearTimeout: (id: number) => this.#timers.delete(id),
    });
    performance.now = () => this.now;
  }

  /** Lets time pass, timer by timer, and what each sets off. */
  async pass(ms: number): Promise<void> {
    for (const end = this.now + ms;;) {
      await this.#settle();
      const [id, next] = [...this.#timers].sort(([, a], [, b]) => a.due - b.due)[0] ?? [];
      if (id === undefined || next === undefined || next.due > end) {
        this.now = end;
        return;
      }
      this.#timers.delete(id);
      this.now = next.due;
      next.run();
    }
  }

  [Symbol.dispose](): void {
    const { now, ...timers } = this.#real;
    Object.assign(globalThis, timers);
    performance.now = now;
  }

  async #settle(): Promise<void> {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }
}
