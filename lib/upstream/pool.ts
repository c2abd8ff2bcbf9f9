import type { Deadlines } from "../core/deadlines.ts";
import { Idleness } from "./idleness.ts";
import type { UpstreamConnection } from "./upstream_connection.ts";

export interface PoolOptions {
  /** Idle connections kept at the most. */
  readonly maxIdle: number;
  /** Milliseconds one is kept for. */
  readonly idleTimeout: number;
}

/**
 * Idle connections to one server, last in, first out: the one used last is the least likely to
 * have been closed. Each is watched while it is idle, so that one which the server closes, or
 * sends bytes on that nobody asked for, leaves before anybody takes it.
 */
export class Pool {
  readonly #options: PoolOptions;
  readonly #deadlines: Deadlines;
  readonly #idle: UpstreamConnection[] = [];
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
    return connection;
  }

  /** Keeps a connection for the next request, or closes it where there are enough. */
  put(connection: UpstreamConnection): void {
    const { maxIdle, idleTimeout } = this.#options;
    if (this.#closed || this.#idle.length >= maxIdle) return connection.close();
    this.#idle.push(connection);
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
  }

  #leave(connection: UpstreamConnection): void {
    const index = this.#idle.lastIndexOf(connection);
    if (index < 0) return;
    this.#idle.splice(index, 1);
    connection.close();
  }
}
