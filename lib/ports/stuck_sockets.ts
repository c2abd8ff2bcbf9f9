import type { Address } from "../core/address.ts";
import { addressKey, SocketAddress } from "./socket_address.ts";
import { type SystemLibrary, systemLibrary } from "./system_library.ts";

/**
 * Milliseconds from a close to a look whether the socket has gone. One look serves all that were
 * closed meanwhile, since it goes through all descriptors.
 */
const LOOK_MS = 100;
const SHUT_RDWR = 2;

/** Both ends of a connection. */
export interface ConnectionEnds {
  readonly peer: Address;
  readonly local: Address;
}

/**
 * Frees sockets that the runtime keeps behind a closed `Deno.TlsConn`. To say goodbye it goes on
 * with the handshake, or with writing what was taken to be written: a client that does not take
 * part keeps its socket open, for as long as it likes. Where the descriptor is, the runtime does
 * not say, so it is looked for by its addresses.
 */
export class StuckSockets {
  readonly #library: SystemLibrary;
  /** By the key of both ends. */
  #closed = new Set<string>();
  /** The clients' ports: what tells most others apart at once. */
  #ports = new Set<number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @throws {ProxyError} `unavailable` where the system's library cannot be called */
  constructor(library: SystemLibrary = systemLibrary()) {
    this.#library = library;
  }

  /** Has a connection that was just closed end soon, whatever its client does. */
  free({ peer, local }: ConnectionEnds): void {
    this.#closed.add(`${addressKey(peer)} ${addressKey(local)}`);
    this.#ports.add(peer.port);
    this.#timer ??= setTimeout(() => this.#look(), LOOK_MS);
  }

  #look(): void {
    this.#timer = undefined;
    const closed = this.#closed;
    const ports = this.#ports;
    this.#closed = new Set();
    this.#ports = new Set();
    const { getpeername, getsockname, getdtablesize, shutdown } = this.#library.symbols;
    const peer = new SocketAddress();
    const local = new SocketAddress();
    // those that have gone by themselves are never found: the end is where no descriptor has been
    for (
      let fd = 3, last = 3;
      fd < Math.min(getdtablesize(), last + GAP) && closed.size > 0;
      fd++
    ) {
      peer.size[0] = local.size[0] = peer.bytes.length;
      if (getpeername(fd, peer.bytes, peer.size) !== 0) continue;
      last = fd;
      if (!ports.has(peer.port)) continue;
      if (getsockname(fd, local.bytes, local.size) !== 0) continue;
      if (closed.delete(`${peer.key} ${local.key}`)) shutdown(fd, SHUT_RDWR);
    }
  }
}

/** Descriptors without a connection after which there are taken to be no more. */
const GAP = 4096;
