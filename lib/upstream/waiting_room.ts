import type { Deadline, Deadlines } from "../core/deadlines.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";

export interface WaitingRoomOptions {
  /** How many may wait. */
  readonly max: number;
  /** Milliseconds for which one waits. */
  readonly timeout: number;
  readonly deadlines: Deadlines;
}

/** A queue for places that are all taken: first come, first served, bounded in length and time. */
export class WaitingRoom {
  readonly #options: WaitingRoomOptions;
  readonly #waiting: Waiter[] = [];

  constructor(options: WaitingRoomOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /**
   * Waits for a place.
   *
   * @param enter takes a place where there is one now; what it throws ends the wait
   * @throws {ProxyError} `overloaded` where too many wait, or for too long
   */
  wait<Place>(enter: () => Place | undefined): Promise<Place> {
    const { max, timeout, deadlines } = this.#options;
    if (this.#waiting.length >= max) {
      return Promise.reject(new ProxyError("overloaded", `${max} requests wait for a server`));
    }
    return new Promise<Place>((resolve, reject) => {
      const waiter: Waiter = {
        deadline: deadlines.watch(),
        admit: () => {
          const place = enter();
          if (place !== undefined) resolve(place);
          return place !== undefined;
        },
        reject,
      };
      waiter.deadline.arm(timeout, () => {
        const late = `No server was free for ${timeout / 1000} s`;
        this.#refuse(waiter, new ProxyError("overloaded", late));
      });
      this.#waiting.push(waiter);
    });
  }

  /** A place may have become free: lets in whom it can, in order. */
  admit(): void {
    for (let first; (first = this.#waiting[0]) !== undefined;) {
      try {
        if (!first.admit()) return;
      } catch (error) {
        this.#refuse(first, asProxyError(error, "internal"));
        continue;
      }
      this.#leave(first);
    }
  }

  #refuse(waiter: Waiter, why: ProxyError): void {
    this.#leave(waiter);
    waiter.reject(why);
  }

  #leave(waiter: Waiter): void {
    waiter.deadline[Symbol.dispose]();
    const index = this.#waiting.indexOf(waiter);
    if (index >= 0) this.#waiting.splice(index, 1);
  }
}

interface Waiter {
  readonly deadline: Deadline;
  /** @returns whether it got in */
  readonly admit: () => boolean;
  readonly reject: (why: ProxyError) => void;
}
