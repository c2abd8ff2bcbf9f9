import type { Connection } from "../core/connection.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";
import type { HeadLimits } from "../http1/request_decoder.ts";
import type { Observer } from "../observability/event.ts";
import { dial } from "./dial.ts";
import type { Lease } from "./pool.ts";
import type { Server } from "./server_registry.ts";
import { UpstreamConnection } from "./upstream_connection.ts";

export interface BackendOptions {
  readonly name: string;
  readonly servers: readonly Server[];
  /** Milliseconds. */
  readonly connectTimeout: number;
  /** Milliseconds from a request's end to its answer's head. */
  readonly responseTimeout: number;
  readonly limits: HeadLimits;
}

/** A server's lease, and the server's name for the log. */
export interface ServerLease {
  readonly lease: Lease;
  readonly server: string;
}

/** Some servers that can do the same work, taken in turn. */
export class Backend {
  readonly name: string;
  readonly responseTimeout: number;
  readonly #options: BackendOptions;
  readonly #observe: Observer;
  #turn = 0;

  constructor(options: BackendOptions, observe: Observer) {
    this.name = options.name;
    this.responseTimeout = options.responseTimeout;
    this.#options = options;
    this.#observe = observe;
  }

  /**
   * A connection to send one HTTP request on: an idle one, or a new one. A server that cannot be
   * reached has seen nothing of the request, so the next one is tried.
   *
   * @param fresh whether it must be a new connection
   * @throws {ProxyError} `connect_failed` or `connect_timeout` when no server can be reached
   */
  lease({ fresh }: { fresh: boolean }): Promise<ServerLease> {
    return this.#firstReachable(async (server) => {
      const lease = fresh ? undefined : server.pool.take();
      return { lease: lease ?? await this.#newLease(server), server: server.name };
    });
  }

  /**
   * A connection of its own to one of the servers, for opaque bytes.
   *
   * @throws {ProxyError} like `lease`
   */
  connect(): Promise<{ connection: Connection; server: string }> {
    return this.#firstReachable(async ({ address, name }) => ({
      connection: await dial(address, this.#options.connectTimeout),
      server: name,
    }));
  }

  /** Tells that a server broke the protocol or did not answer. */
  report(server: string, error: ProxyError): void {
    this.#observe({ kind: "server_failed", backend: this.name, server, error });
  }

  async #newLease({ address, pool }: Server): Promise<Lease> {
    const connection = await dial(address, this.#options.connectTimeout);
    return pool.lease(new UpstreamConnection(connection, this.#options.limits));
  }

  async #firstReachable<T>(attempt: (server: Server) => Promise<T>): Promise<T> {
    const { servers } = this.#options;
    const first = this.#turn++;
    let last: ProxyError | undefined;
    for (let i = 0; i < servers.length; i++) {
      const server = servers[(first + i) % servers.length] as Server;
      try {
        return await attempt(server);
      } catch (error) {
        last = asProxyError(error, "internal");
        this.report(server.name, last);
      }
    }
    throw last ?? new ProxyError("no_server", `The backend ${this.name} has no server`);
  }
}
