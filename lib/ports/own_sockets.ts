import { type Address, toAddress } from "../core/address.ts";
import { addressKey, SocketAddress } from "./socket_address.ts";
import { LINUX, type SystemLibrary, systemLibrary } from "./system_library.ts";

/**
 * Milliseconds until sockets are looked for. One look serves all that were asked for meanwhile, since
 * it goes through all descriptors.
 */
const LOOK_MS = 100;

/** Both ends of a connection. */
export interface ConnectionEnds {
  readonly peer: Address;
  readonly local: Address;
}

/** Those of a connection itself, whatever a PROXY header tells of. */
export function endsOf({ remoteAddr, localAddr }: Deno.Conn<Deno.NetAddr>): ConnectionEnds {
  return { peer: toAddress(remoteAddr), local: toAddress(localAddr) };
}

/** What the next look is for. */
interface Wanted {
  /** By the key of both ends. */
  readonly tasks: Map<string, (fd: number) => void>;
  /** Both ports of each: they tell most others apart at once. */
  readonly ports: Set<number>;
  readonly peerPorts: Set<number>;
  readonly looked: PromiseWithResolvers<void>;
}

/**
 * Open sockets of this process, by calls to the system's C library. Where a connection's descriptor
 * is, the runtime does not say, so it is looked for by its addresses.
 */
export class OwnSockets {
  readonly #library: SystemLibrary;
  #wanted: Wanted | undefined;

  /** @throws {ProxyError} `unavailable` where the system's library cannot be called */
  constructor(library: SystemLibrary = systemLibrary()) {
    this.#library = library;
  }

  /**
   * Has a connection that was just closed end soon, whatever its client does. The runtime keeps the
   * socket of a closed `Deno.TlsConn`: to say goodbye it goes on with the handshake, or with writing
   * what was taken to be written, and a client that does not take part keeps it open for as long as
   * it likes.
   */
  free(ends: ConnectionEnds): void {
    void this.#find(ends, (fd) => this.#library.symbols.shutdown(fd, SHUT_RDWR));
  }

  /**
   * Has a connection that is still open end by a RST, where the system can do that. What the peer has
   * not acknowledged by then is lost. Settles when it may be closed.
   *
   * An option for the close (`SO_LINGER`) would come too late: ahead of it the runtime half-closes,
   * and so the peer would see an end.
   */
  reset(ends: ConnectionEnds): Promise<void> {
    if (!LINUX) return Promise.resolve();
    return this.#find(ends, (fd) => this.#library.disconnect(fd));
  }

  /** Settles once all that was asked for is done. */
  async settle(): Promise<void> {
    await this.#wanted?.looked.promise;
  }

  /** Settles once it was looked for, whether it was found or not. */
  #find({ peer, local }: ConnectionEnds, task: (fd: number) => void): Promise<void> {
    const { tasks, ports, peerPorts, looked } = this.#wanted ??= this.#lookSoon();
    tasks.set(`${addressKey(peer)} ${addressKey(local)}`, task);
    ports.add(bothPorts(peer, local));
    peerPorts.add(peer.port);
    return looked.promise;
  }

  #lookSoon(): Wanted {
    setTimeout(() => this.#look(), LOOK_MS);
    const looked = Promise.withResolvers<void>();
    return { tasks: new Map(), ports: new Set(), peerPorts: new Set(), looked };
  }

  #look(): void {
    if (this.#wanted === undefined) return;
    const { tasks, ports, peerPorts, looked } = this.#wanted;
    this.#wanted = undefined;
    const { getpeername, getsockname, getdtablesize } = this.#library.symbols;
    const peer = new SocketAddress();
    const local = new SocketAddress();
    // those that have gone by themselves are never found: the end is where no descriptor has been
    for (
      let fd = 3, last = 3;
      fd < Math.min(getdtablesize(), last + GAP) && tasks.size > 0;
      fd++
    ) {
      peer.size[0] = local.size[0] = peer.bytes.length;
      if (getpeername(fd, peer.bytes, peer.size) !== 0) continue;
      last = fd;
      if (!peerPorts.has(peer.port)) continue;
      if (getsockname(fd, local.bytes, local.size) !== 0) continue;
      if (!ports.has(bothPorts(peer, local))) continue;
      const key = `${peer.key} ${local.key}`;
      tasks.get(key)?.(fd);
      tasks.delete(key);
    }
    looked.resolve();
  }
}

function bothPorts(peer: { readonly port: number }, local: { readonly port: number }): number {
  return peer.port * 2 ** 16 + local.port;
}

/** Descriptors without a connection after which there are taken to be no more. */
const GAP = 4096;

const SHUT_RDWR = 2;
