import { ProxyError } from "../core/errors.ts";
import { within } from "../io/within.ts";

/**
 * Waits for as long as there is progress: how long a start takes depends on the machine and on how
 * much else it has to do, but one that gets nowhere shows after a while.
 */
export class Patience {
  readonly #ms: number;
  #last = performance.now();

  /** @param ms for how long nothing may happen */
  constructor(ms: number) {
    this.#ms = ms;
  }

  /** Something went on, for whoever of those that are waited for. */
  progress(): void {
    this.#last = performance.now();
  }

  /** @throws {ProxyError} `unavailable` where nothing has happened for too long */
  async wait<T>(done: Promise<T>, what: string): Promise<T> {
    this.progress();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const look = () => {
        const left = this.#last + this.#ms - performance.now();
        if (left > 0) timer = setTimeout(look, left);
        else reject(new ProxyError("unavailable", `${what}: nothing for ${this.#ms / 1000} s`));
      };
      look();
    });
    try {
      return await Promise.race([done, late]);
    } finally {
      clearTimeout(timer);
      this.progress();
    }
  }
}

/** @throws {ProxyError} `unavailable` where it takes too long */
export function inTime<T>(done: Promise<T>, ms: number, what: string): Promise<T> {
  return within(done, ms, () => {
    throw new ProxyError("unavailable", `${what} within ${ms / 1000} s`);
  });
}
