import { Roster } from "../core/roster.ts";
import { within } from "../io/within.ts";

/** One client's connection while it is served. */
export interface Session {
  /** Settles when it is over; never rejects. */
  readonly done: Promise<void>;
  /**
   * Ends it as soon as what it is doing is done; at once where it does nothing, but that who has
   * just come has a moment for what he has come for.
   */
  drain(): void;
  /** Ends it now. */
  abort(): void;
  /**
   * Its listener is no more: asks the client to come again by another connection. Where the protocol
   * has no words for that, the connection goes on as it is.
   */
  retire?(): void;
}

/** The sessions of one listener, each of which is told when that is no more. */
export class ListenerSessions {
  readonly #running = new Roster<Session>();
  #isRetired = false;

  /** Also one that was on its way to it by then. */
  add(session: Session): void {
    const running = this.#running.add(session);
    session.done.then(() => this.#running.remove(running));
    if (this.#isRetired) session.retire?.();
  }

  retire(): void {
    this.#isRetired = true;
    for (const session of this.#running.values()) session.retire?.();
  }
}

/** All sessions that run, so that a stop can wait for them and then end them. */
export class Sessions {
  readonly #running = new Roster<Session>();
  #draining = false;
  #isOver = false;

  get size(): number {
    return this.#running.size;
  }

  get draining(): boolean {
    return this.#draining;
  }

  add(session: Session): void {
    const running = this.#running.add(session);
    session.done.then(() => this.#running.remove(running));
    if (this.#isOver) session.abort();
    else if (this.#draining) session.drain();
  }

  /**
   * Lets every session finish, for at most `timeoutMs`, and ends the rest.
   *
   * @param arriving settles when none begins any more, which is before that time is over
   * @returns how many had to be ended
   */
  async drain(timeoutMs: number, arriving: Promise<void>): Promise<number> {
    this.#draining = true;
    for (const session of this.#running.values()) session.drain();
    await within(arriving.then(() => this.#running.whenEmpty()), timeoutMs, () => {});
    const cut = this.#running.size;
    this.#isOver = true;
    for (const session of this.#running.values()) session.abort();
    await this.#running.whenEmpty();
    return cut;
  }
}
