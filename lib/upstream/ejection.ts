import type { ErrorCode } from "../core/errors.ts";

/** When real traffic takes a server out, and for how long. */
export interface EjectionRules {
  /** Failures in a row; 0 never ejects. A refused connection needs no second one. */
  readonly failures: number;
  /** Milliseconds of the first time out; each one that follows lasts as much longer. */
  readonly time: number;
  /** Milliseconds at the most. */
  readonly maxTime: number;
}

/**
 * Counts the failures of real traffic at one server. It is out for longer each time, and is
 * forgiven one time for each that it then stays good for as long. Without a clock: times are given.
 */
export class Ejection {
  readonly #rules: EjectionRules;
  #failures = 0;
  #times = 0;
  #returned = 0;

  constructor(rules: EjectionRules) {
    this.#rules = rules;
  }

  /** Failures in a row so far. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure. @returns whether the server is to be ejected, if it may */
  fail({ refused }: { refused: boolean }): boolean {
    this.#failures++;
    const { failures } = this.#rules;
    return failures > 0 && (refused || this.#failures >= failures);
  }

  succeed(): void {
    if (this.#failures !== 0) this.#failures = 0;
  }

  /**
   * The server is taken out.
   *
   * @param now milliseconds on any steady clock
   * @returns milliseconds until it is to come back
   */
  eject(now: number): number {
    // a check that it passed may have brought it back before its time
    const since = Math.max(0, now - this.#returned);
    const good = Math.floor(since / this.#duration(this.#times));
    this.#times = Math.max(0, this.#times - good) + 1;
    const duration = this.#duration(this.#times);
    this.#returned = now + duration;
    // on probation: the first failure takes it out again
    this.#failures = Math.max(0, this.#rules.failures - 1);
    return duration;
  }

  #duration(times: number): number {
    const { time, maxTime } = this.#rules;
    return Math.min(maxTime, time * Math.max(1, times));
  }
}

/**
 * Whether a request that failed says something of its server, and not only of that request: no
 * connection, an end before any answer, no answer in time, an answer that is no HTTP. What one
 * answer was too large or too quiet for, and what broke behind an answer's beginning, does not: else
 * one client could take a server out for everybody.
 *
 * @param begun whether an answer had begun, beyond interim ones
 */
export function speaksOfServer(code: ErrorCode, begun: boolean): boolean {
  switch (code) {
    case "connect_failed":
    case "connect_timeout":
    case "response_timeout":
    case "bad_response":
      return true;
    case "upstream_gone":
    case "truncated_response":
      return !begun;
    default:
      return false;
  }
}

/**
 * Whether one more server may be ejected.
 *
 * @param out how many of `total` are out already, for whatever reason
 * @param minHealthy the share that has to stay, 0 to 1
 */
export function mayEject(
  { total, out, minHealthy }: { total: number; out: number; minHealthy: number },
): boolean {
  return total - out - 1 >= total * minHealthy;
}
