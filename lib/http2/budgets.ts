import { Http2Error } from "./http2_error.ts";
import { ERROR } from "./wire.ts";

/**
 * What a peer may do to no end. Each limit has its source: an attack that was seen, or the reason
 * why an honest peer comes near it. Over one of them the connection ends with ENHANCE_YOUR_CALM.
 */
export const BUDGETS = {
  /**
   * Streams that are reset before their answer has ended: by the peer (rapid reset,
   * CVE-2023-44487), or by us for the peer's faults (MadeYouReset, CVE-2025-8671). Browsers reset
   * what nobody looks at any more, and clients of gRPC what they have watched long enough.
   */
  resets: { start: 100, most: 1000, perSecond: 1 },
  /**
   * Frames that carry nothing: PING (CVE-2019-9512), PRIORITY and PRIORITY_UPDATE (CVE-2019-9513),
   * SETTINGS (CVE-2019-9515), empty DATA (CVE-2019-9518), WINDOW_UPDATE of less than
   * `SMALL_INCREMENT` and with it windows that are held small (CVE-2019-9511, CVE-2019-9517), frames
   * of unknown types and of streams that are over, 1xx answers of servers that nobody takes. Clients
   * of gRPC ping every 10 s for days, and acknowledge small messages one by one.
   */
  idleFrames: { start: 1000, most: 20_000, perSecond: 10 },
} as const satisfies Record<string, Budget>;

interface Budget {
  readonly start: number;
  /** What can be saved up. */
  readonly most: number;
  readonly perSecond: number;
}

/** Idle frames that a request, an answer or this much DATA earns. */
const EARNED_IDLE_FRAMES = 10;
const EARNING_BYTES = 1024;
/** WINDOW_UPDATE for the stream and for the connection. */
const EARNED_ACKNOWLEDGEMENTS = 2;

/** A WINDOW_UPDATE of less is an idle frame. */
export const SMALL_INCREMENT = 1024;

/** CONTINUATION frames of one block (CVE-2024-27316, VU#421644); a block of `BLOCK_BYTES` takes 2. */
export const MAX_CONTINUATIONS = 16;

/** Bytes of a header block as it comes, compressed (CVE-2016-6581 and its kind make little of much). */
export const BLOCK_BYTES = 32 * 1024;

/**
 * The same of a server, which is to be told that its answer is too large: a block that is not read
 * to its end is the end of the connection, and of all other answers on it.
 */
export const ANSWER_BLOCK_BYTES = 256 * 1024;

/**
 * Identifiers of streams that we have reset and the peer may not know of yet. Where there are more,
 * frames of all streams as old as those that were forgotten are ignored.
 */
export const REMEMBERED_RESETS = 256;

/** Bytes that wait here for slow readers of all streams of a client, before one can stop the others. */
export const HELD_BYTES = 2 * 1024 * 1024;

/**
 * What the windows of a server's answers may grow by, in equal shares. These are the answers of many
 * clients, and however many of them take nothing, they stop no other: this bounds what waits for
 * them, besides a window of the first size for each.
 */
export const GROWN_BYTES = 2 * 1024 * 1024;

/** The budgets of one connection. */
export class ConnectionBudgets {
  readonly #now: () => number;
  readonly #resets: Allowance;
  readonly #idleFrames: Allowance;

  /** @param now in milliseconds, from anywhere */
  constructor(now: () => number) {
    const since = now();
    this.#now = now;
    this.#resets = new Allowance(BUDGETS.resets, since);
    this.#idleFrames = new Allowance(BUDGETS.idleFrames, since);
  }

  /** A request was answered, or an answer came. */
  earnMessage(): void {
    this.#resets.earn(1);
    this.#idleFrames.earn(EARNED_IDLE_FRAMES);
  }

  /** An interim answer went on to who has asked, so that it has carried something. */
  earnInterim(): void {
    this.#idleFrames.earn(1);
  }

  /** Bytes of DATA came. */
  earnBytes(bytes: number): void {
    if (bytes >= EARNING_BYTES) {
      this.#idleFrames.earn(Math.floor(bytes / EARNING_BYTES) * EARNED_IDLE_FRAMES);
    }
  }

  /** Bytes of DATA were sent as they were at hand: the peer may tell that it has taken them. */
  earnAcknowledgement(): void {
    this.#idleFrames.earn(EARNED_ACKNOWLEDGEMENTS);
  }

  /**
   * Bytes of DATA were sent: the peer may tell so piece by piece as it takes them, which clients in Go
   * do also on a stream that is over by then.
   */
  earnSent(bytes: number): void {
    if (bytes >= SMALL_INCREMENT) this.#idleFrames.earn(Math.floor(bytes / SMALL_INCREMENT));
  }

  /** @throws {Http2Error} */
  spendReset(): void {
    if (!this.#resets.spend(this.#now)) throw tooMany("streams that are reset");
  }

  /** @throws {Http2Error} */
  spendIdleFrame(): void {
    if (!this.#idleFrames.spend(this.#now)) throw tooMany("frames that carry nothing");
  }
}

/** Something that is used up, earned, and comes back with time; the clock is asked when it is over. */
class Allowance {
  readonly #budget: Budget;
  #left: number;
  #refilledAt: number;

  constructor(budget: Budget, now: number) {
    this.#budget = budget;
    this.#left = budget.start;
    this.#refilledAt = now;
  }

  earn(amount: number): void {
    this.#left = Math.min(this.#budget.most, this.#left + amount);
  }

  spend(now: () => number): boolean {
    if (this.#left < 1) this.#refill(now());
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }

  #refill(now: number): void {
    const { perSecond, start } = this.#budget;
    this.#left = Math.min(start, this.#left + (now - this.#refilledAt) * perSecond / 1000);
    this.#refilledAt = now;
  }
}

/** The error of a limit that a peer is over. */
export function tooMany(what: string): Http2Error {
  return new Http2Error(ERROR.enhanceYourCalm, `There are too many ${what}`);
}
