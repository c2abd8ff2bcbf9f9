import type { Deadline, Deadlines } from "../io/deadlines.ts";
import { HTTP11 } from "../http/alpn.ts";
import type { HeadLimits } from "../http/limits.ts";
import type { Connection } from "../io/connection.ts";
import { dial } from "./dial.ts";
import type { Endpoint } from "../core/endpoint.ts";
import { FRESH_MS, type PooledServer, type PoolOptions, SPARE_MS } from "./pooled_server.ts";
import type { TlsClient } from "../tls/tls_client.ts";
import { type Home, Http1Connection } from "./http1_connection.ts";
import { encodeProxyHeader, type Origin } from "./proxy_protocol.ts";
import type { Dialing, ServerConnections } from "./server_stream.ts";

/** What is offered to servers by ALPN. */
const OFFERED: readonly string[] = [HTTP11];

/** Milliseconds that a server is believed less than it says that it keeps an idle connection. */
const MARGIN_MS = 1_000;

/**
 * Idle connections to one server, last in, first out: the one used last is the least likely to
 * have been closed. Each is watched while it is idle, so that one which the server closes, or
 * sends bytes on that nobody asked for, leaves before anybody takes it.
 */
export class Http1Pool implements ServerConnections, Home {
  readonly mayPool: boolean;
  readonly #endpoint: Endpoint;
  readonly #tls: TlsClient | undefined;
  readonly #options: PoolOptions;
  readonly #deadlines: Deadlines;
  readonly #idle: Http1Connection[] = [];
  /** How many of them, the oldest, have been idle since it was looked for the last time. */
  #spare = 0;
  /** For the next look, while there are more than are kept. */
  #look: Deadline | undefined;
  #closed = false;

  constructor({ endpoint, tls, mayPool, ...options }: PooledServer, deadlines: Deadlines) {
    this.#endpoint = endpoint;
    this.#tls = tls;
    this.mayPool = mayPool;
    this.#options = options;
    this.#deadlines = deadlines;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  take(careful: boolean): Http1Connection | undefined | Promise<Http1Connection | undefined> {
    const connection = this.#idle.pop();
    if (this.#spare > this.#idle.length) this.#spare = this.#idle.length;
    if (connection === undefined || !careful) return connection;
    const isFresh = performance.now() - connection.idleSince < FRESH_MS;
    return isFresh ? connection : this.#takeOpen(connection);
  }

  async open(origin: Origin, dialing: Dialing): Promise<Http1Connection> {
    const { connectTimeout: timeout, proxyProtocol, limits } = dialing;
    const preamble = proxyProtocol && encodeProxyHeader(proxyProtocol, origin);
    const connection = await dial(this.#endpoint, {
      ...{ timeout, preamble, tls: this.#tls, alpn: OFFERED },
    });
    return this.adopt(connection, limits);
  }

  /** Takes a new connection to the server as one of its own. */
  adopt(connection: Connection, limits: HeadLimits): Http1Connection {
    return new Http1Connection(connection, {
      home: this,
      limits,
      deadline: this.#deadlines.watch(),
    });
  }

  /** Keeps a connection for the next request. */
  put(connection: Http1Connection): void {
    const { maxIdle, idleTimeout } = this.#options;
    const ms = Math.min(idleTimeout, usableMs(connection.keepAliveMs));
    if (this.#closed || maxIdle === 0 || ms === 0) return connection.abort();
    this.#idle.push(connection);
    if (this.#idle.length > maxIdle && this.#look === undefined) this.#lookLater();
    connection.wait(ms, () => this.#remove(connection));
  }

  clear(): void {
    for (const connection of this.#idle.splice(0)) connection.abort();
    this.#spare = 0;
  }

  close(): void {
    this.#closed = true;
    this.clear();
    this.#look?.[Symbol.dispose]();
  }

  /** The first of which the runtime has not heard, by now, that its server has closed it. */
  async #takeOpen(first: Http1Connection): Promise<Http1Connection | undefined> {
    let connection: Http1Connection | undefined = first;
    // its read is under way: what has come is told within a turn of the event loop
    await new Promise((resolve) => setTimeout(resolve, 0));
    while (connection !== undefined && !connection.isOpen) connection = this.#idle.pop();
    if (this.#spare > this.#idle.length) this.#spare = this.#idle.length;
    return connection;
  }

  #remove(connection: Http1Connection): void {
    const index = this.#idle.lastIndexOf(connection);
    if (index < 0) return;
    this.#idle.splice(index, 1);
    if (index < this.#spare) this.#spare--;
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
    for (const connection of this.#idle.splice(0, beyond)) connection.abort();
    if (this.#idle.length > maxIdle) return this.#lookLater();
    this.#look?.[Symbol.dispose]();
    this.#look = undefined;
  };
}

/** How long a connection that its server keeps for so long is used; of a very short time, half. */
function usableMs(keepAliveMs: number): number {
  return Math.max(keepAliveMs - MARGIN_MS, keepAliveMs / 2);
}
