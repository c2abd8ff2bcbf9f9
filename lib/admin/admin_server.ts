import { type Address, toAddress } from "../core/address.ts";
import { closeQuietly } from "../io/close_quietly.ts";
import { SocketConnection } from "../io/socket_connection.ts";
import { within } from "../io/within.ts";
import { acceptAll } from "../ports/accept_loop.ts";
import { AdminConnection, type AdminHandler } from "./admin_connection.ts";

/** Connections at once: more come from nobody who watches one proxy. */
const MAX_CONNECTIONS = 64;
/** Of them, those that are fed with events. */
const MAX_STREAMS = 16;
/** Bytes that one reads into while it is quiet. */
const BUFFER_BYTES = 4 * 1024;
/** Milliseconds for which answers that are being written are waited for at the end. */
const CLOSE_MS = 500;

export interface AdminServerOptions {
  readonly address: Address;
  readonly handle: AdminHandler;
  /** Makes room for a connection where descriptors have run out. @returns whether it did */
  readonly makeRoom: () => boolean;
}

/**
 * The server of the admin listener: HTTP/1.1 by this proxy's own decoder, so that whatever a
 * stranger can take of it has a bound. Where there are too many connections the one that has been
 * waiting longest for its request makes room.
 */
export class AdminServer {
  readonly address: Address;
  readonly #listener: Deno.TcpListener;
  readonly #accepting: Promise<void>;
  /** In the order in which they came. */
  readonly #connections = new Set<AdminConnection>();
  readonly #handle: AdminHandler;
  #streams = 0;
  #closed = false;

  /** @throws {Error} where it cannot listen there */
  constructor({ address, handle, makeRoom }: AdminServerOptions) {
    this.#handle = handle;
    this.#listener = Deno.listen({ hostname: address.host, port: address.port });
    this.address = toAddress(this.#listener.addr);
    this.#accepting = acceptAll(this.#listener, {
      socket: (socket) => this.#accept(socket),
      // the listeners that clients come to tell of it
      trouble: () => {},
      makeRoom,
      closed: () => this.#closed,
    });
  }

  /** Stops accepting, and ends what goes on after a short while. */
  async close(): Promise<void> {
    this.#closed = true;
    closeQuietly(this.#listener);
    await this.#accepting;
    for (const connection of this.#connections) connection.drain();
    const done = Promise.all([...this.#connections].map(({ done }) => done));
    await within(done, CLOSE_MS, () => {});
    for (const connection of this.#connections) connection.close();
  }

  #accept(socket: Deno.TcpConn): void {
    if (this.#connections.size >= MAX_CONNECTIONS && !this.#makeRoom()) return closeQuietly(socket);
    const connection = new AdminConnection(
      new SocketConnection(socket, {
        peer: toAddress(socket.remoteAddr),
        local: toAddress(socket.localAddr),
        goneCode: "client_gone",
        idleBufferBytes: BUFFER_BYTES,
      }),
      { handle: this.#handle, stream: () => this.#enterStream() },
    );
    this.#connections.add(connection);
    connection.done.then(() => this.#connections.delete(connection));
  }

  #makeRoom(): boolean {
    const longest = [...this.#connections].reduce<AdminConnection | undefined>(
      (found, next) => next.waitingSince < (found?.waitingSince ?? Infinity) ? next : found,
      undefined,
    );
    if (longest === undefined) return false;
    longest.close();
    this.#connections.delete(longest);
    return true;
  }

  #enterStream(): Disposable | undefined {
    if (this.#streams >= MAX_STREAMS) return undefined;
    this.#streams++;
    return { [Symbol.dispose]: () => void this.#streams-- };
  }
}
