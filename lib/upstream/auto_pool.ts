import { HTTP2 } from "../http2/wire.ts";
import type { Deadlines } from "../io/deadlines.ts";
import { dial } from "./dial.ts";
import { Http2Pool } from "./http2_pool.ts";
import { Pool, type PooledServer } from "./pool.ts";
import type { Origin } from "./proxy_protocol.ts";
import type { Dialing, ServerConnections, ServerStream } from "./server_stream.ts";

/** The connections to a server that chooses by ALPN what it is spoken to by. */
export class AutoPool implements ServerConnections {
  readonly #server: PooledServer;
  readonly #http1: Pool;
  readonly #http2: Http2Pool;
  /** The connection that is being made while nobody knows what the server will choose. */
  #asking: Promise<unknown> | undefined;
  /** What it chose last. */
  #chosen: "http1" | "h2" | undefined;

  constructor(server: PooledServer, deadlines: Deadlines) {
    this.#server = server;
    this.#http1 = new Pool(server, deadlines);
    this.#http2 = new Http2Pool(server, deadlines);
  }

  get idleCount(): number {
    return this.#http1.idleCount + this.#http2.idleCount;
  }

  take(careful: boolean): ServerStream | undefined | Promise<ServerStream | undefined> {
    return this.#http2.take(careful) ?? this.#http1.take(careful);
  }

  async open(origin: Origin, dialing: Dialing): Promise<ServerStream> {
    // many at once had better not find out each for itself
    while (this.#chosen !== "http1" && this.#asking !== undefined) {
      await this.#asking.catch(() => {});
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
    const connection = await dial(endpoint, { timeout, tls, alpn: [HTTP2, "http/1.1"] });
    this.#chosen = connection.alpn === HTTP2 ? "h2" : "http1";
    if (this.#chosen === "http1") return this.#http1.adopt(connection, dialing.limits);
    await this.#http2.adopt(connection, dialing);
    return await this.#http2.open(origin, dialing);
  }
}
