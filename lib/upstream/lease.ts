import type { Connection } from "../io/connection.ts";
import type { ProxyError } from "../core/errors.ts";
import type { Server } from "./server.ts";
import type { UpstreamConnection } from "./upstream_connection.ts";

/**
 * A place at a server and a connection to it, for one request. At its end the connection goes back
 * to the pool or is closed, and the place is free.
 */
export class Lease implements Disposable {
  readonly server: Server;
  readonly connection: UpstreamConnection;
  /** Whether it has served before: the server may have closed it meanwhile. */
  readonly reused: boolean;
  #clean = false;

  constructor(server: Server, connection: UpstreamConnection, reused: boolean) {
    this.server = server;
    this.connection = connection;
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
    if (this.#clean && this.connection.idle && this.server.mayPool) {
      this.server.pool.put(this.connection);
    } else this.connection.close();
    this.server.leave();
  }
}

/** A place at a server and a connection to it, for opaque bytes. */
export class TunnelLease implements Disposable {
  readonly server: Server;
  readonly connection: Connection;

  constructor(server: Server, connection: Connection) {
    this.server = server;
    this.connection = connection;
  }

  [Symbol.dispose](): void {
    this.connection.close();
    this.server.leave();
  }
}
