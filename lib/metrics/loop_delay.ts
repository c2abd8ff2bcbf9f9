import { Histogram } from "./histogram.ts";

/** How often is looked, in milliseconds. */
const EVERY_MS = 100;

/**
 * Measures how late timers are: what the event loop makes everybody wait for. The runtime has no
 * `monitorEventLoopDelay`.
 */
export class LoopDelay implements Disposable {
  /** Seconds late. */
  readonly histogram = new Histogram([0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]);
  readonly #timer: ReturnType<typeof setInterval>;
  #due = performance.now() + EVERY_MS;

  constructor() {
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.histogram.observe(Math.max(0, now - this.#due) / 1000);
      this.#due = now + EVERY_MS;
    }, EVERY_MS);
    Deno.unrefTimer(Number(this.#timer));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
