import type { Deadline, Deadlines } from "../core/deadlines.ts";
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
  readonly #idle: IdleConnection[] = [];
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
    const idle = this.#idle.pop();
    if (idle === undefined) return undefined;
    idle.deadline[Symbol.dispose]();
    idle.taken = true;
    return idle.connection;
  }

  /** Keeps a connection for the next request, or closes it where there are enough. */
  put(connection: UpstreamConnection): void {
    const { maxIdle, idleTimeout } = this.#options;
    if (this.#closed || this.#idle.length >= maxIdle) return connection.close();
    const idle: IdleConnection = { connection, deadline: this.#deadlines.watch(), taken: false };
    this.#idle.push(idle);
    idle.deadline.arm(idleTimeout, () => this.#leave(idle));
    connection.responses.readAhead().then(() => this.#leave(idle));
  }

  /** Closes what is idle now. */
  clear(): void {
    for (const idle of [...this.#idle]) this.#leave(idle);
  }

  /** Closes what is idle now and whatever comes back later. */
  close(): void {
    this.#closed = true;
    this.clear();
  }

  #leave(idle: IdleConnection): void {
    if (idle.taken) return;
    idle.taken = true;
    const index = this.#idle.indexOf(idle);
    if (index >= 0) this.#idle.splice(index, 1);
    idle.deadline[Symbol.dispose]();
    idle.connection.close();
  }
}

interface IdleConnection {
  readonly connection: UpstreamConnection;
  readonly deadline: Deadline;
  /** Whether it has left the pool. */
  taken: boolean;
}
