/** Milliseconds that a client which sends no more is waited for while nothing is sent to it. */
export const PARTING_GRACE_MS = 1_500;

/**
 * The time that a client has which has half-closed: it may have left, or wait for its answer yet.
 * While bytes go to it nobody needs to know, as writing fails soon where it has left. Where nothing is
 * sent nothing would ever tell, so it is taken for gone after a while.
 *
 * It goes by the clock of the deadlines: while this process stands still nothing can be sent.
 */
export class PartingGrace {
  #written: number;
  #quietSince: number;

  /** @param now as the deadlines have it. @param written bytes sent to the client before */
  constructor(now: number, written: number) {
    this.#quietSince = now;
    this.#written = written;
  }

  /**
   * Looks at the client, again and again.
   *
   * @param written bytes sent to it so far
   * @param isWriting whether some are on their way, which has a clock of its own
   * @returns whether it is taken for gone
   */
  look(now: number, { written, isWriting }: { written: number; isWriting: boolean }): boolean {
    if (isWriting || written !== this.#written) this.#quietSince = now;
    this.#written = written;
    return now - this.#quietSince >= PARTING_GRACE_MS;
  }
}
