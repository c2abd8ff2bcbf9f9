import type { Address } from "../core/address.ts";
import { messageOf, ProxyError } from "../core/errors.ts";
import { listeningSockets } from "./listening_sockets.ts";
import { type ConnectionEnds, OwnSockets } from "./own_sockets.ts";
import { claimPort, listenShared } from "./shared_port.ts";

/** A socket that is to listen on a port, which others of this process may have as well. */
export interface Opening<Listener> {
  readonly address: Address;
  /** Whether it is of use only with Nagle's algorithm off on what it accepts. */
  readonly noDelay: boolean;
  /** Listens, with `reusePort`. */
  readonly listen: () => Listener | Promise<Listener>;
  /** Closes what `listen` gave, where the rest fails. */
  readonly close: (listener: Listener) => void;
}

/** A socket that listens. */
export interface OpenPort<Listener> {
  readonly listener: Listener;
  /** Whether it gets every connection that would have come to those it takes over from. */
  readonly takesOver: boolean;
  /** To close it in: what would come to it goes to others by then, where there are some. */
  closeBy(close: () => void | Promise<void>): Promise<void>;
}

/** Does to this process's sockets what takes calls to the system's C library. */
export interface PortKeeper {
  /** Why the library cannot be called; undefined where it can. */
  readonly unavailable: string | undefined;
  /**
   * The port to listen on, see `claimPort`.
   *
   * @throws {ProxyError} `bad_config` where it is in use
   */
  claim(address: Address): number | Promise<number>;
  /** @throws {ProxyError} what `listen` throws; `unavailable` where Nagle has to be off, but is not */
  open<Listener>(opening: Opening<Listener>): Promise<OpenPort<Listener>>;
  /**
   * Has a connection that was closed end, whatever its client does: see `OwnSockets`. Without the
   * library it stays with its client, until that one goes.
   */
  free(ends: ConnectionEnds): void;
  /**
   * Has an open connection end by a RST; it may be closed once this has settled. Without the library
   * nothing is done.
   */
  reset(ends: ConnectionEnds): Promise<void>;
  /** Settles once every connection that is to be reset so far was. */
  settle(): Promise<void>;
}

/** Where all is done in one thread. */
class OwnPorts implements PortKeeper {
  #sockets: OwnSockets | undefined;

  get unavailable(): string | undefined {
    try {
      listeningSockets();
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  claim(address: Address): number {
    return claimPort(address);
  }

  async open<L>({ address, noDelay, listen, close }: Opening<L>): Promise<OpenPort<L>> {
    const listener = await listen();
    let fd: number | undefined;
    let takesOver = false;
    try {
      const sockets = listeningSockets();
      fd = sockets.tune(address.port);
      takesOver = sockets.steerToNewest(fd);
    } catch (error) {
      if (!(error instanceof ProxyError) || noDelay) {
        close(listener);
        throw error;
      }
    }
    const closeBy = async (close: () => void | Promise<void>) => {
      if (fd !== undefined) listeningSockets().silence(fd, address.port);
      await close();
    };
    return { listener, takesOver, closeBy };
  }

  free(ends: ConnectionEnds): void {
    this.#own()?.free(ends);
  }

  async reset(ends: ConnectionEnds): Promise<void> {
    await this.#own()?.reset(ends);
  }

  async settle(): Promise<void> {
    await this.#sockets?.settle();
  }

  #own(): OwnSockets | undefined {
    if (this.unavailable !== undefined) return undefined;
    return this.#sockets ??= new OwnSockets();
  }
}

let keeper: PortKeeper = new OwnPorts();

/** Whoever keeps the ports for this thread. */
export function portKeeper(): PortKeeper {
  return keeper;
}

/** Has another do it: the library is open in one thread alone. */
export function keepPortsBy(other: PortKeeper): void {
  keeper = other;
}

/**
 * Where to listen, with the port that the system chose where 0 was asked.
 *
 * @param beside whether a listener of this process has the address, whose place is to be taken
 * @throws {ProxyError} `bad_config` where another program has it
 */
export async function claimAddress(
  { host, port }: Address,
  { beside = false }: { readonly beside?: boolean },
): Promise<Address> {
  return { host, port: beside ? port : await keeper.claim({ host, port }) };
}

/**
 * Listens for TCP on an address that was claimed.
 *
 * @throws {ProxyError} `bad_config` where it cannot
 */
export function openTcp(address: Address): Promise<OpenPort<Deno.TcpListener>> {
  return keeper.open({
    address,
    noDelay: false,
    listen: () => listenShared(address),
    close: (listener) => listener.close(),
  });
}
