/** How fast the body of a request has to come. */
export interface BodyRate {
  /** Milliseconds that a body may stand still for. */
  readonly idle: number;
  /** Bytes a second that it has to come with, averaged over `idle`; 0 asks for none. */
  readonly rate: number;
}

/**
 * How long a client may be waited for, for the next piece of a body. Waiting uses the time up, and
 * every byte earns the time back that it should have taken at the least; more than the idle time
 * cannot be saved. So a client may stand still for a while and may be slow for a while, but one
 * byte now and then does not keep a connection; and a body of any length has the time it needs.
 */
export class BodyCredit {
  readonly #rate: BodyRate;
  #left: number;

  constructor(rate: BodyRate) {
    this.#rate = rate;
    this.#left = rate.idle;
  }

  /** Milliseconds; 0 at the least. */
  get left(): number {
    return this.#left;
  }

  /** A body begins. */
  renew(): void {
    this.#left = this.#rate.idle;
  }

  /** So many bytes came, after so many milliseconds of waiting for them. */
  account({ waited, bytes }: { waited: number; bytes: number }): void {
    const { idle, rate } = this.#rate;
    const earned = rate === 0 ? (bytes > 0 ? idle : 0) : bytes * 1000 / rate;
    this.#left = Math.min(idle, Math.max(0, this.#left - waited) + earned);
  }
}
