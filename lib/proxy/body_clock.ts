import { plural } from "../core/plural.ts";
import { ProxyError } from "../core/errors.ts";
import type { Deadline } from "../io/deadlines.ts";
import { BodyCredit, type BodyRate } from "./body_credit.ts";

export interface BodyClockOptions extends BodyRate {
  readonly deadline: Deadline;
  /** Called with `body_timeout` when the client has been waited for as long as it may. */
  readonly onLate: (error: ProxyError) => void;
}

/** The clock on a client while a body is read from it; it stands still while the server is slow. */
export class BodyClock {
  readonly #options: BodyClockOptions;
  readonly #credit: BodyCredit;
  /** When the client began to be waited for; undefined while it is not. */
  #since: number | undefined;

  constructor(options: BodyClockOptions) {
    this.#options = options;
    this.#credit = new BodyCredit(options);
  }

  /** Whether it goes by these, see `BodyRate`. */
  isFor(idle: number, rate: number): boolean {
    return this.#options.idle === idle && this.#options.rate === rate;
  }

  /** A body begins; the clock does not run yet. */
  renew(): void {
    this.#credit.renew();
  }

  start(): void {
    this.#since = performance.now();
    this.#options.deadline.arm(this.#credit.left, this.#onLate);
  }

  /** The client could not send anything: its time begins anew. */
  restart(): void {
    this.renew();
    this.start();
  }

  /**
   * Leaves the deadline alone where the clock does not run.
   *
   * @param bytes that came since the last piece
   */
  stop(bytes: number): void {
    let waited = 0;
    if (this.#since !== undefined) {
      this.#options.deadline.disarm();
      waited = performance.now() - this.#since;
      this.#since = undefined;
    }
    this.#credit.account({ waited, bytes });
  }

  readonly #onLate = (): void => this.#options.onLate(bodyTimeout(this.#options));
}

function bodyTimeout({ idle, rate }: BodyRate): ProxyError {
  const slow = rate === 0 ? "" : `, or less than ${plural(rate, "byte")} a second`;
  return new ProxyError("body_timeout", `Nothing of the body came for ${idle / 1000} s${slow}`);
}
