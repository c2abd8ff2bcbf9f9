/** A listener that can do one thing only, such as give one certificate. */
export interface Generation {
  close(): Promise<void>;
}

export interface RotationOptions<G extends Generation> {
  /** Opens a generation, beside the one there is on the same address. */
  readonly open: () => Promise<G>;
  /** Whether a generation is still what `open` would make. */
  readonly isCurrent: (generation: G) => boolean;
  /**
   * Whether a new generation gets every connection that comes from then on. Else the system deals
   * them out to both, and what waits for the old one when it is closed is lost.
   */
  readonly takesOver: boolean;
}

/**
 * Milliseconds for which an old generation goes on accepting after a new one has taken over: those
 * whose connection was being established, which takes a client as long as its network is slow.
 */
const DRAIN_MS = 10_000;
/** The same where yet another generation waits to be opened: there may be two at a time. */
const SHORT_DRAIN_MS = 200;
/** Milliseconds for which two generations share what comes, where the new one does not take over. */
const OVERLAP_MS = 100;

/** One listener to the outside, made of generations that follow each other without a gap. */
export class Rotation<G extends Generation> {
  readonly #options: RotationOptions<G>;
  #current: G;
  #old: OldGeneration | undefined;
  #queue: Promise<void> = Promise.resolve();
  /** The refresh that has not begun: it stands for all that are asked for until it does. */
  #waiting: Promise<void> | undefined;
  #closed = false;

  constructor(first: G, options: RotationOptions<G>) {
    this.#current = first;
    this.#options = options;
  }

  /**
   * Opens a new generation where the one there is has been overtaken. Settles once the new one gets
   * every new connection.
   */
  refresh(): Promise<void> {
    this.#waiting ??= this.#queue.then(() => {
      this.#waiting = undefined;
      const done = this.#rotate();
      this.#queue = done.catch(() => {});
      return done;
    });
    return this.#waiting;
  }

  /** Settles once there is one generation alone, as there may be two sockets on an address. */
  async settle(): Promise<void> {
    await this.#queue;
    await this.#old?.closeAfter(SHORT_DRAIN_MS);
  }

  /** Closes all generations. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#current.close(), this.#old?.close()]);
  }

  async #rotate(): Promise<void> {
    const { open, isCurrent, takesOver } = this.#options;
    if (this.#closed || isCurrent(this.#current)) return;
    await this.#old?.closeAfter(SHORT_DRAIN_MS);
    if (this.#closed) return;
    const old = new OldGeneration(this.#current);
    const next = await open();
    this.#current = next;
    this.#old = old;
    // closed meanwhile, and the new one was not known of
    if (this.#closed) await next.close();
    const closed = old.closeAfter(takesOver ? DRAIN_MS : OVERLAP_MS);
    if (!takesOver) await closed;
  }
}

/** A generation that is to be closed some time after it was overtaken. */
class OldGeneration {
  readonly #generation: Generation;
  readonly #since = performance.now();
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #closed = Promise.withResolvers<void>();

  constructor(generation: Generation) {
    this.#generation = generation;
  }

  /** Closes it so many milliseconds after it was overtaken, whatever was asked for before. */
  closeAfter(ms: number): Promise<void> {
    clearTimeout(this.#timer);
    const left = Math.max(0, this.#since + ms - performance.now());
    this.#timer = setTimeout(() => this.close(), left);
    return this.#closed.promise;
  }

  close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#closed.resolve(this.#generation.close());
    return this.#closed.promise;
  }
}
