import type { Deadline, Deadlines } from "../core/deadlines.ts";
import type { ProxyError } from "../core/errors.ts";
import type { UpstreamConnection } from "./upstream_connection.ts";

export interface PoolOptions {
  /** Idle connections kept at the most. */
  readonly maxIdle: number;
  /** Milliseconds one is kept for. */
  readonly idleTimeout: number;
  readonly deadlines: Deadlines;
}

/**
 * Idle connections to one server, last in, first out: the one used last is the least likely to
 * have been closed. Each is watched while it is idle, so that one which the server closes, or
 * sends bytes on that nobody asked for, leaves before anybody takes it.
 */
export class Pool {
  readonly #options: PoolOptions;
  readonly #idle: IdleConnection[] = [];
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  /** A connection that was open a moment ago, or undefined. */
  take(): Lease | undefined {
    const idle = this.#idle.pop();
    if (idle === undefined) return undefined;
    idle.deadline[Symbol.dispose]();
    idle.taken = true;
    return new Lease(idle.connection, this, true);
  }

  /** A lease of a connection that was opened just now. */
  lease(connection: UpstreamConnection): Lease {
    return new Lease(connection, this, false);
  }

  /** Keeps a connection for the next request; called by leases. */
  put(connection: UpstreamConnection): void {
    const { deadlines, maxIdle, idleTimeout } = this.#options;
    if (this.#closed || this.#idle.length >= maxIdle) return connection.close();
    const idle: IdleConnection = { connection, deadline: deadlines.watch(), taken: false };
    this.#idle.push(idle);
    idle.deadline.arm(idleTimeout, () => this.#leave(idle));
    connection.responses.readAhead().then(() => this.#leave(idle));
  }

  /** Closes what is idle now and whatever comes back later. */
  close(): void {
    this.#closed = true;
    for (const idle of [...this.#idle]) this.#leave(idle);
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

/** The use of a connection for one request; at its end the connection goes back or is closed. */
export class Lease implements Disposable {
  readonly connection: UpstreamConnection;
  /** Whether it has served before: the server may have closed it meanwhile. */
  readonly reused: boolean;
  readonly #pool: Pool;
  #clean = false;

  constructor(connection: UpstreamConnection, pool: Pool, reused: boolean) {
    this.connection = connection;
    this.#pool = pool;
    this.reused = reused;
  }

  /** Says that request and answer ended cleanly and that the server keeps the connection open. */
  reuse(): void {
    this.#clean = true;
  }

  /** Breaks the request off: whoever waits for its answer gets `reason`. */
  abort(reason: ProxyError): void {
    this.#clean = false;
    this.connection.close(reason);
  }

  [Symbol.dispose](): void {
    if (this.#clean && this.connection.idle) this.#pool.put(this.connection);
    else this.connection.close();
  }
}
