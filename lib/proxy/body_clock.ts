import type { Deadline } from "../io/deadlines.ts";
import { BodyCredit, type BodyRate } from "./body_credit.ts";

export interface BodyClockOptions extends BodyRate {
  readonly deadline: Deadline;
  /** Called when the client has been waited for as long as it may. */
  readonly onLate: () => void;
}

/** The clock on a client while a body is read from it; it stands still while the server is slow. */
export class BodyClock {
  readonly #options: BodyClockOptions;
  readonly #credit: BodyCredit;
  /** When the client began to be waited for; undefined while it is not. */
  #since: number | undefined;

  get idle(): number {
    return this.#options.idle;
  }

  get rate(): number {
    return this.#options.rate;
  }

  constructor(options: BodyClockOptions) {
    this.#options = options;
    this.#credit = new BodyCredit(options);
  }

  /** A body begins; the clock does not run yet. */
  renew(): void {
    this.#credit.renew();
  }

  start(): void {
    this.#since = performance.now();
    this.#options.deadline.arm(this.#credit.left, this.#options.onLate);
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
}
