import type { Deadline, Deadlines } from "../io/deadlines.ts";
import { Idleness } from "./idleness.ts";
import type { UpstreamConnection } from "./upstream_connection.ts";

export interface PoolOptions {
  /** Idle connections kept at the most, once a burst is over; 0 keeps none. */
  readonly maxIdle: number;
  /** Milliseconds one is kept for. */
  readonly idleTimeout: number;
}

/**
 * How long connections beyond `maxIdle` stay idle before they are closed. Where more are busy than
 * may be idle, all of them are idle between two requests: to close them there would have each
 * request connect anew.
 */
const SPARE_MS = 1_000;

/**
 * Idle connections to one server, last in, first out: the one used last is the least likely to
 * have been closed. Each is watched while it is idle, so that one which the server closes, or
 * sends bytes on that nobody asked for, leaves before anybody takes it.
 */
export class Pool {
  readonly #options: PoolOptions;
  readonly #deadlines: Deadlines;
  readonly #idle: UpstreamConnection[] = [];
  /** How many of them, the oldest, have been idle since it was looked for the last time. */
  #spare = 0;
  /** For the next look, while there are more than are kept. */
  #look: Deadline | undefined;
  #closed = false;

  constructor(options: PoolOptions, deadlines: Deadlines) {
    this.#options = options;
    this.#deadlines = deadlines;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  /** A connection that was open a moment ago, or undefined. */
  take(): UpstreamConnection | undefined {
    const connection = this.#idle.pop();
    connection?.idleness?.end();
    if (this.#spare > this.#idle.length) this.#spare = this.#idle.length;
    return connection;
  }

  /** Keeps a connection for the next request. */
  put(connection: UpstreamConnection): void {
    const { maxIdle, idleTimeout } = this.#options;
    if (this.#closed || maxIdle === 0) return connection.close();
    this.#idle.push(connection);
    if (this.#idle.length > maxIdle && this.#look === undefined) this.#lookLater();
    connection.idleness ??= new Idleness(this.#deadlines.watch(), () => this.#leave(connection));
    connection.idleness.begin(connection.responses, idleTimeout);
  }

  /** Closes what is idle now. */
  clear(): void {
    for (const connection of [...this.#idle]) this.#leave(connection);
  }

  /** Closes what is idle now and whatever comes back later. */
  close(): void {
    this.#closed = true;
    this.clear();
    this.#look?.[Symbol.dispose]();
  }

  #leave(connection: UpstreamConnection): void {
    const index = this.#idle.lastIndexOf(connection);
    if (index < 0) return;
    this.#idle.splice(index, 1);
    if (index < this.#spare) this.#spare--;
    connection.close();
  }

  #lookLater(): void {
    this.#spare = this.#idle.length;
    this.#look ??= this.#deadlines.watch();
    this.#look.arm(SPARE_MS, this.#closeSpare);
  }

  /** Closes what has not been needed and is more than is kept. */
  readonly #closeSpare = (): void => {
    const { maxIdle } = this.#options;
    const beyond = Math.max(0, this.#spare - maxIdle);
    for (const connection of this.#idle.splice(0, beyond)) connection.close();
    if (this.#idle.length > maxIdle) return this.#lookLater();
    this.#look?.[Symbol.dispose]();
    this.#look = undefined;
  };
}
