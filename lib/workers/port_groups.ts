import { type Address, formatAddress } from "../core/address.ts";
import { ProxyError } from "../core/errors.ts";
import type { ListeningSockets } from "../ports/listening_sockets.ts";
import { claimPort } from "../ports/shared_port.ts";

/** A socket that listens, of the worker that opened it. */
interface PortSocket {
  readonly id: number;
  readonly worker: number;
  /** Undefined where it was not looked for. */
  readonly fd: number | undefined;
}

/** A port that some workers listen on, or are about to. */
interface Claim {
  readonly port: number;
  readonly by: Set<number>;
}

/** The sockets of all workers on one address. */
interface Group {
  readonly address: Address;
  /** In the order that the system has them in: where one is closed the last takes its place. */
  readonly sockets: PortSocket[];
}

/**
 * Which worker listens where. Of the sockets that share an address all new connections come to the
 * newest of each worker; the older ones, which it is about to close, get none. One is opened or closed
 * at a time, so that their order is known, and which descriptor is whose.
 */
export class PortGroups {
  /** Undefined where the system's library cannot be called: then the system chooses. */
  readonly #sockets: ListeningSockets | undefined;
  readonly #groups = new Map<string, Group>();
  /** The ports that were claimed, by what was asked for. */
  readonly #claimed = new Map<string, Claim[]>();
  #ids = 0;
  /** Who opens or closes a socket now; the next has to wait. */
  #holder: number | undefined;
  /** What the holder is closing, once it is out of its group. */
  #closing: PortSocket & { readonly group: Group } | undefined;
  /** Workers that get no new connections while others can. */
  readonly #avoided = new Set<number>();
  #waiting: { readonly worker: number; readonly enter: () => void }[] = [];

  constructor(sockets: ListeningSockets | undefined) {
    this.#sockets = sockets;
  }

  /**
   * The port for a worker to listen on: the same for each of them, which the first has to find free.
   *
   * @throws {ProxyError} `bad_config` where it is in use
   */
  claim(worker: number, address: Address): number {
    const key = formatAddress(address);
    const claims = this.#claimed.get(key) ?? [];
    // port 0 may be asked for more than once
    const claim = claims.find(({ by }) => address.port !== 0 || !by.has(worker));
    if (claim !== undefined) {
      claim.by.add(worker);
      return claim.port;
    }
    const port = claimPort(address);
    this.#claimed.set(key, [...claims, { port, by: new Set([worker]) }]);
    return port;
  }

  /** Settles when it is this worker's turn to open or close a socket. */
  turn(worker: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ worker, enter: resolve });
      if (this.#holder === undefined) this.leave();
    });
  }

  /** The turn is over. */
  leave(): void {
    const next = this.#waiting.shift();
    this.#holder = next?.worker;
    next?.enter();
  }

  /**
   * A socket was opened, and the turn is over.
   *
   * @throws {ProxyError} `unavailable` where Nagle's algorithm has to be off and is not
   */
  opened(
    worker: number,
    { address, noDelay }: { address: Address; noDelay: boolean },
  ): { socket: number; takesOver: boolean } {
    const group = this.#group(address);
    const id = this.#ids++;
    try {
      const fd = this.#tune(address, noDelay);
      group.sockets.push({ id, worker, fd });
      return { socket: id, takesOver: this.#steer(group, this.#newest(group)) };
    } finally {
      this.leave();
    }
  }

  /** Settles when a socket is about to be closed: no new connection comes to it. */
  async closing(worker: number, id: number): Promise<void> {
    const group = this.#groupOf(id);
    if (group === undefined) return;
    await this.turn(worker);
    // the last socket is to move to another place, so nothing may come to it meanwhile
    const stay = this.#newest(group).filter((socket) => socket.id !== id);
    const still = stay.filter((socket) => socket !== group.sockets.at(-1));
    this.#steer(group, still.length > 0 ? still : stay);
  }

  /** Takes a socket that is about to be closed out of its group: see `ListeningSockets.silence`. */
  silence(id: number): void {
    const group = this.#groupOf(id);
    const socket = group?.sockets.find((socket) => socket.id === id);
    if (group === undefined || socket === undefined) return;
    this.#silence(group, socket);
    this.#remove(group, id);
    this.#steer(group, this.#newest(group));
    this.#closing = { ...socket, group };
  }

  /** A socket was closed, and the turn is over. */
  closed(id: number): void {
    if (this.#closing?.id !== id) return;
    const { worker, group: { address, sockets } } = this.#closing;
    this.#closing = undefined;
    if (!sockets.some((socket) => socket.worker === worker)) {
      this.#disclaim(worker, ({ port }) => port === address.port);
    }
    this.leave();
  }

  /** Whether new connections go to other workers, where there are some. */
  avoid(worker: number, avoided: boolean): void {
    if (avoided) this.#avoided.add(worker);
    else this.#avoided.delete(worker);
    // who closes a socket now has it steered around, and it is done anew when that is over
    if (this.#holder !== undefined) return;
    for (const group of this.#groups.values()) this.#steer(group, this.#newest(group));
  }

  /**
   * A worker has died, and with it its sockets. Those of one that hangs its thread still has: they
   * are made to listen no more, which takes them out of their group as a close would.
   */
  forget(worker: number): void {
    this.#disclaim(worker, () => true);
    this.#avoided.delete(worker);
    for (const group of this.#groups.values()) {
      for (const socket of group.sockets.filter((socket) => socket.worker === worker)) {
        this.#silence(group, socket);
        this.#remove(group, socket.id);
      }
      this.#steer(group, this.#newest(group));
    }
    this.#waiting = this.#waiting.filter((waiter) => waiter.worker !== worker);
    if (this.#closing?.worker === worker) this.#closing = undefined;
    if (this.#holder === worker) this.leave();
  }

  /** The newest socket of each worker. */
  #newest({ sockets }: Group): PortSocket[] {
    return sockets.filter(({ worker, id }) =>
      !sockets.some((other) => other.worker === worker && other.id > id)
    );
  }

  /** @returns whether the system goes by it */
  #steer(group: Group, wanted: readonly PortSocket[]): boolean {
    const { sockets, address } = group;
    const well = wanted.filter(({ worker }) => !this.#avoided.has(worker));
    const chosen = well.length > 0 ? well : wanted;
    const any = sockets.find(({ fd }) =>
      fd !== undefined && this.#sockets?.listens(fd, address.port)
    )?.fd;
    if (any === undefined || this.#sockets === undefined) return false;
    const all = chosen.length === sockets.length;
    const places = all ? [] : chosen.map((socket) => sockets.indexOf(socket));
    return this.#sockets.steerTo(any, places);
  }

  #silence({ address, sockets }: Group, { id, fd }: PortSocket): void {
    // its number may be that of a socket that was opened since
    if (fd === undefined || sockets.some((other) => other.id !== id && other.fd === fd)) return;
    this.#sockets?.silence(fd, address.port);
  }

  #remove({ sockets }: Group, id: number): void {
    const place = sockets.findIndex((socket) => socket.id === id);
    if (place < 0) return;
    const last = sockets.pop();
    if (place < sockets.length && last !== undefined) sockets[place] = last;
  }

  #tune({ port }: Address, strictly: boolean): number | undefined {
    try {
      return this.#sockets?.tune(port);
    } catch (error) {
      if (!(error instanceof ProxyError) || strictly) throw error;
      return undefined;
    }
  }

  /** A worker listens there no more; where none does, the port has to be free for it to be ours. */
  #disclaim(worker: number, which: (claim: Claim) => boolean): void {
    for (const [key, claims] of this.#claimed) {
      for (const claim of claims) if (which(claim)) claim.by.delete(worker);
      const left = claims.filter(({ by }) => by.size > 0);
      if (left.length > 0) this.#claimed.set(key, left);
      else this.#claimed.delete(key);
    }
  }

  #group(address: Address): Group {
    const key = formatAddress(address);
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { address, sockets: [] };
      this.#groups.set(key, group);
    }
    return group;
  }

  #groupOf(id: number): Group | undefined {
    return [...this.#groups.values()]
      .find(({ sockets }) => sockets.some((socket) => socket.id === id));
  }
}
