import { messageOf, ProxyError } from "../core/errors.ts";
import { formatServerAddress } from "../core/endpoint.ts";
import { HTTP2 } from "../http/alpn.ts";
import type { Connection } from "../io/connection.ts";
import type { Deadline, Deadlines } from "../io/deadlines.ts";
import { withError } from "../http2/wire.ts";
import { dial } from "./dial.ts";
import { Http2Connection } from "./http2_connection.ts";
import { FRESH_MS, type PooledServer, SPARE_MS } from "./pooled_server.ts";
import type { Origin } from "./proxy_protocol.ts";
import type { Dialing, ServerConnections, ServerStream } from "./server_stream.ts";

/**
 * The connections to a server that speaks HTTP/2: few, each with as many requests at a time as the
 * server allows. Another is made only when all are full.
 */
export class Http2Pool implements ServerConnections {
  readonly #server: PooledServer;
  readonly #deadlines: Deadlines;
  readonly #onHttp1Required: (() => void) | undefined;
  readonly #connections: Http2Connection[] = [];
  /** The connection that is being made: who needs one waits for it. */
  #dialing: Promise<void> | undefined;
  /** For the next look at what is idle, while there is more than is kept. */
  #look: Deadline | undefined;
  #closed = false;

  /** @param onHttp1Required the server wants HTTP/1.1, which it can be asked by */
  constructor(server: PooledServer, deadlines: Deadlines, onHttp1Required?: () => void) {
    this.#server = server;
    this.#deadlines = deadlines;
    this.#onHttp1Required = onHttp1Required;
  }

  get idleCount(): number {
    return this.#connections.filter(({ isIdle }) => isIdle).length;
  }

  take(careful: boolean): ServerStream | undefined | Promise<ServerStream | undefined> {
    const connection = this.#withRoom();
    if (connection === undefined || !careful || !connection.isIdle) return connection?.reserve();
    const isFresh = performance.now() - connection.idleSince < FRESH_MS;
    return isFresh ? connection.reserve() : this.#takeChecked(connection);
  }

  async open(_origin: Origin, dialing: Dialing): Promise<ServerStream> {
    for (;;) {
      const connection = this.#withRoom();
      if (connection !== undefined) return connection.reserve();
      // whoever comes while one is made shares it, or its failure
      this.#dialing ??= this.#dial(dialing).finally(() => this.#dialing = undefined);
      await this.#dialing;
    }
  }

  clear(): void {
    for (const connection of [...this.#connections]) if (connection.isIdle) connection.leave();
  }

  close(): void {
    this.#closed = true;
    for (const connection of [...this.#connections]) connection.retire();
    this.#look?.[Symbol.dispose]();
  }

  #withRoom(): Http2Connection | undefined {
    return this.#connections.find(({ available }) => available > 0);
  }

  async #takeChecked(connection: Http2Connection): Promise<ServerStream | undefined> {
    const isThere = await connection.check();
    return isThere && connection.available > 0 ? connection.reserve() : undefined;
  }

  /**
   * Takes a new connection to the server, and waits until it has begun to speak.
   *
   * @throws {ProxyError} `connect_failed` or `connect_timeout`
   */
  async adopt(
    socket: Connection,
    { connectTimeout: timeout, limits }: Dialing,
  ): Promise<Http2Connection> {
    const { endpoint, maxIdle, idleTimeout } = this.#server;
    const name = formatServerAddress(endpoint);
    const connection: Http2Connection = new Http2Connection(socket, {
      limits,
      scheme: this.#server.tls === undefined ? "http" : "https",
      deadlines: this.#deadlines,
      idleTimeout: maxIdle === 0 ? 0 : idleTimeout,
      onIdle: this.#onIdle,
      onGone: () => this.#remove(connection),
      onHttp1Required: this.#onHttp1Required,
    });
    using deadline = this.#deadlines.watch();
    deadline.arm(timeout, () => {
      const late = `${name} did not begin to speak HTTP/2 within ${timeout} ms`;
      connection.close(new ProxyError("connect_timeout", late));
    });
    try {
      // what it allows is known once it has said so
      await connection.settling.promise;
    } catch (error) {
      if (error instanceof ProxyError && error.code === "connect_timeout") throw error;
      throw new ProxyError("connect_failed", `${name} does not speak HTTP/2: ${messageOf(error)}`, {
        cause: error,
      });
    }
    if (connection.available < 1) {
      const why = connection.isGone
        ? withError("goes away before any request", connection.leavesBy)
        : "allows no requests";
      connection.close();
      throw new ProxyError("connect_failed", `${name} ${why}`);
    }
    this.#connections.push(connection);
    // who waits for it is to be served yet
    if (this.#closed) connection.endWhenIdle();
    return connection;
  }

  async #dial(dialing: Dialing): Promise<void> {
    const { endpoint, tls } = this.#server;
    const timeout = dialing.connectTimeout;
    const socket = await dial(endpoint, { timeout, tls, alpn: [HTTP2] });
    if (tls !== undefined && socket.alpn !== HTTP2) {
      socket.close();
      const name = formatServerAddress(endpoint);
      throw new ProxyError("connect_failed", `${name} does not choose HTTP/2 by ALPN`);
    }
    await this.adopt(socket, dialing);
  }

  readonly #onIdle = (): void => {
    if (this.#connections.length > this.#server.maxIdle && !this.#closed) this.#lookLater();
  };

  #lookLater(): void {
    if (this.#look !== undefined || this.idleCount <= this.#server.maxIdle) return;
    this.#look = this.#deadlines.watch();
    this.#look.arm(SPARE_MS, this.#closeSpare);
  }

  /** Closes what has not been needed and is more than is kept: the last, as the first come first. */
  readonly #closeSpare = (): void => {
    this.#look?.[Symbol.dispose]();
    this.#look = undefined;
    const now = performance.now();
    const idle = this.#connections.filter(({ isIdle }) => isIdle);
    for (const connection of idle.slice(this.#server.maxIdle)) {
      if (now - connection.idleSince >= SPARE_MS) connection.leave();
    }
    this.#lookLater();
  };

  #remove(connection: Http2Connection): void {
    const index = this.#connections.indexOf(connection);
    if (index >= 0) this.#connections.splice(index, 1);
  }
}
