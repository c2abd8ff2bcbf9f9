import { ProxyError } from "../core/errors.ts";
import { HTTP11, HTTP2 } from "../http/alpn.ts";
import type { Deadlines } from "../io/deadlines.ts";
import { dial, isRefused } from "./dial.ts";
import { Http2Pool } from "./http2_pool.ts";
import { Http1Pool } from "./http1_pool.ts";
import type { PooledServer } from "./pooled_server.ts";
import type { Origin } from "./proxy_protocol.ts";
import type { Dialing, ServerConnections, ServerStream, StreamSource } from "./server_stream.ts";
import { NO_EXTENDED_CONNECT } from "./websocket.ts";

/** What a server chooses, as far as it is known. */
type Choice =
  | "unknown"
  | "http1"
  | "h2"
  /** HTTP/2 without extended CONNECT (RFC 8441); each stream knows that of its own connection. */
  | "h2_without_websocket"
  /** HTTP/2, and then it wanted HTTP/1.1 (RFC 9113, section 7). */
  | "http1_required";

/** The connections to a server that chooses by ALPN what it is spoken to by. */
export class AutoPool implements ServerConnections {
  /**
   * For requests that ask for a WebSocket: where the server speaks HTTP/2 without extended CONNECT
   * they go by HTTP/1.1, which it is offered alone then.
   */
  readonly tunnels: StreamSource = {
    take: (careful) => this.#takeTunnel(careful),
    open: (origin, dialing) => this.#openTunnel(origin, dialing),
  };
  readonly #server: PooledServer;
  readonly #http1: Http1Pool;
  readonly #http2: Http2Pool;
  /** The connection that is being made while nobody knows what the server will choose. */
  #asking: Promise<unknown> | undefined;
  #choice: Choice = "unknown";

  constructor(server: PooledServer, deadlines: Deadlines) {
    this.#server = server;
    this.#http1 = new Http1Pool(server, deadlines);
    this.#http2 = new Http2Pool(server, deadlines, () => this.#choice = "http1_required");
  }

  get idleCount(): number {
    return this.#http1.idleCount + this.#http2.idleCount;
  }

  take(careful: boolean): ServerStream | undefined | Promise<ServerStream | undefined> {
    const stream = this.#choice === "http1_required" ? undefined : this.#http2.take(careful);
    return stream ?? this.#http1.take(careful);
  }

  async open(origin: Origin, dialing: Dialing): Promise<ServerStream> {
    if (this.#choice === "http1_required") return await this.#http1.open(origin, dialing);
    // many at once had better not find out each for itself: they share a failure, too
    while (this.#choice !== "http1" && this.#asking !== undefined) {
      await this.#asking;
      const stream = await this.#http2.take(false);
      if (stream !== undefined) return stream;
    }
    const asking = this.#ask(origin, dialing);
    this.#asking = asking;
    try {
      return await asking;
    } finally {
      if (this.#asking === asking) this.#asking = undefined;
    }
  }

  clear(): void {
    // it may come back as another
    if (this.#choice === "http1_required") this.#choice = "unknown";
    this.#http1.clear();
    this.#http2.clear();
  }

  close(): void {
    this.#http1.close();
    this.#http2.close();
  }

  async #ask(origin: Origin, dialing: Dialing): Promise<ServerStream> {
    const { endpoint, tls } = this.#server;
    const timeout = dialing.connectTimeout;
    const connection = await dial(endpoint, { timeout, tls, alpn: [HTTP2, HTTP11] });
    if (connection.alpn !== HTTP2) {
      this.#learn("http1");
      return this.#http1.adopt(connection, dialing.limits);
    }
    this.#learn("h2");
    const { protocol } = await this.#http2.adopt(connection, dialing);
    if (!protocol.allowsExtendedConnect) this.#learn("h2_without_websocket");
    return await this.#http2.open(origin, dialing);
  }

  /** What it wants outlives what it has chosen on connections that were begun before. */
  #learn(choice: Choice): void {
    if (this.#choice !== "http1_required") this.#choice = choice;
  }

  async #takeTunnel(careful: boolean): Promise<ServerStream | undefined> {
    if (this.#choice !== "h2_without_websocket") {
      const stream = await this.take(careful);
      if (stream === undefined || stream.takesWebSockets) return stream;
      // it was made a moment ago, or before the server became another
      stream.release();
    }
    return this.#http1.take(careful);
  }

  async #openTunnel(origin: Origin, dialing: Dialing): Promise<ServerStream> {
    if (this.#choice !== "h2_without_websocket") {
      const stream = await this.open(origin, dialing);
      if (stream.takesWebSockets) return stream;
      // what it chose was not known before
      stream.release();
    }
    try {
      return await this.#http1.open(origin, dialing);
    } catch (error) {
      const wantsHttp2 = error instanceof ProxyError && error.code === "connect_failed" &&
        !isRefused(error);
      if (!wantsHttp2) throw error;
      // it shakes hands for HTTP/2: that it does not for HTTP/1.1 is no fault of it
      const why = `${NO_EXTENDED_CONNECT}, nor by HTTP/1.1: ${error.message}`;
      throw new ProxyError("websocket_unsupported", why, { cause: error });
    }
  }
}
