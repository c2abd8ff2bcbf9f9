import { LONGEST_WAIT_MS } from "../core/longest_wait.ts";
import type { ProbeResult } from "./probe_result.ts";

export interface HealthCheckerOptions {
  readonly probe: () => Promise<ProbeResult>;
  /** Called with each result. @returns whether to check at the faster interval */
  readonly onResult: (result: ProbeResult) => boolean;
  /** Milliseconds between checks. */
  readonly interval: number;
  /** The same while a server is changing state. */
  readonly fastInterval: number;
  /** For tests. */
  readonly random?: () => number;
}

/** How far an interval may be off, so that many proxies and servers do not fall into step. */
const JITTER = 0.1;

/** Checks one server again and again; one check begins when the one before is over. */
export class HealthChecker {
  readonly #options: HealthCheckerOptions;
  readonly #random: () => number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = Infinity;
  #stopped = false;

  constructor(options: HealthCheckerOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
  }

  /** The first check comes soon, but not that of all servers at once. */
  start(): void {
    this.#schedule(this.#options.fastInterval * this.#random());
  }

  /** There is reason to look sooner than planned. */
  hurry(): void {
    const soon = this.#options.fastInterval;
    if (this.#timer !== undefined && this.#due > performance.now() + soon) this.#schedule(soon);
  }

  stop(): void {
    this.#stopped = true;
    this.#unschedule();
  }

  #schedule(ms: number): void {
    this.#unschedule();
    const wait = Math.min(ms, LONGEST_WAIT_MS);
    this.#due = performance.now() + wait;
    this.#timer = setTimeout(() => this.#check(), wait);
  }

  #unschedule(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#due = Infinity;
  }

  async #check(): Promise<void> {
    this.#unschedule();
    const { probe, onResult, interval, fastInterval } = this.#options;
    const result = await probe();
    if (this.#stopped) return;
    const next = onResult(result) ? fastInterval : interval;
    this.#schedule(next * (1 - JITTER + 2 * JITTER * this.#random()));
  }
}
