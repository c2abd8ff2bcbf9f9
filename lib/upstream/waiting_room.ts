import type { Count } from "../core/counters.ts";
import type { Deadline, Deadlines } from "../io/deadlines.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";

/** How many may wait for a place at a server, and for how long. */
export interface WaitingRoomOptions {
  /** How many may wait. */
  readonly max: number;
  /** Milliseconds for which one waits. */
  readonly timeout: number;
  readonly deadlines: Deadlines;
  /** How many wait, here and in the rooms of other threads that send requests to the same servers. */
  readonly waiting: Count;
  /** Whether places are given back elsewhere too: by such threads, or at servers of before. */
  readonly shared: boolean;
}

/** What one who waits will take. */
export interface WaitOptions {
  /** Whose servers it is for: those of a backend before a reload may be others than those of now. */
  readonly whose?: unknown;
  /** Whether not every place will do, so that those behind need not wait for this one. */
  readonly choosy?: boolean;
  /** Called, before anybody is let in, with what ends a wait that is of no use any more. */
  readonly onWait?: ((giveUp: () => void) => void) | undefined;
}

/** Milliseconds between two looks for a place that was left free elsewhere. */
const LOOK_MS = 5;

/** A queue for places that are all taken: first come, first served, bounded in length and time. */
export class WaitingRoom {
  readonly #options: WaitingRoomOptions;
  readonly #waiting: Waiter[] = [];
  #looking: ReturnType<typeof setTimeout> | undefined;
  /** Whether some may wait for other servers than those in front. */
  #isMixed = false;

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
   * @throws {ProxyError} `overloaded` where too many wait, or for too long; `client_gone` where it was
   *   given up
   */
  wait<Place>(
    enter: () => Place | undefined,
    { whose, choosy = false, onWait }: WaitOptions = {},
  ): Promise<Place> {
    const { max, timeout, deadlines, waiting } = this.#options;
    if (waiting.value >= max) {
      const full = `No server is free, and the queue is full (queue.max: ${max})`;
      return Promise.reject(new ProxyError("overloaded", full));
    }
    return new Promise<Place>((resolve, reject) => {
      const waiter: Waiter = {
        deadline: deadlines.watch(),
        whose,
        choosy,
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
      const last = this.#waiting.at(-1);
      if (last !== undefined && last.whose !== whose) this.#isMixed = true;
      this.#waiting.push(waiter);
      this.#options.waiting.add(1);
      onWait?.(() => this.#refuse(waiter, new ProxyError("client_gone", "Nobody waits any more")));
      this.#look();
    });
  }

  /**
   * A place has become free. Where others wait elsewhere it is left to them as often as is fair:
   * else those who wait at a busy thread would have all places of those who wait at another.
   */
  admitFairly(): void {
    const all = this.#options.waiting.value;
    if (Math.random() * all < this.size) this.admit();
  }

  /** A place may have become free: lets in whom it can, in order. */
  admit(): void {
    for (let at = 0, waiter; (waiter = this.#waiting[at]) !== undefined;) {
      try {
        if (waiter.admit()) this.#leave(waiter);
        else if (waiter.choosy) at++;
        else {
          // who waits for the same servers goes behind
          if (!this.#isMixed) return;
          const { whose } = waiter;
          const next = this.#waiting.findIndex((other, index) =>
            index > at && other.whose !== whose
          );
          if (next < 0) {
            if (at === 0) this.#isMixed = false;
            return;
          }
          at = next;
        }
      } catch (error) {
        this.#refuse(waiter, asProxyError(error, "internal"));
      }
    }
  }

  /** Looks again and again while somebody waits, where others give places too. */
  #look(): void {
    if (!this.#options.shared || this.#looking !== undefined || this.size === 0) return;
    this.#looking = setTimeout(() => {
      this.#looking = undefined;
      this.admit();
      this.#look();
    }, LOOK_MS);
  }

  #refuse(waiter: Waiter, why: ProxyError): void {
    this.#leave(waiter);
    waiter.reject(why);
  }

  #leave(waiter: Waiter): void {
    const index = this.#waiting.indexOf(waiter);
    if (index < 0) return;
    waiter.deadline[Symbol.dispose]();
    this.#waiting.splice(index, 1);
    this.#options.waiting.add(-1);
  }
}

interface Waiter {
  readonly deadline: Deadline;
  readonly whose: unknown;
  readonly choosy: boolean;
  /** @returns whether it got in */
  readonly admit: () => boolean;
  readonly reject: (why: ProxyError) => void;
}
