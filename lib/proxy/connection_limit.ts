import type { Address } from "../core/address.ts";
import type { Count, CountByKey } from "../core/counters.ts";
import type { Deadline, Deadlines } from "../io/deadlines.ts";
import type { Place } from "../tls/engine.ts";

/** How many connections a listener has at once; 0 is no limit. */
export interface ConnectionLimits {
  /** Of all clients together. */
  readonly connections: number;
  /** Of one IP address. */
  readonly connectionsPerIp: number;
}

/** Connections that were refused since the last time this was told. */
export interface RefusedConnections {
  /** Whose the last of them was. */
  readonly peer: Address;
  /** The limit that it was over. */
  readonly limit: keyof ConnectionLimits;
  readonly count: number;
}

export interface ConnectionLimitOptions {
  /** Read anew for every connection. */
  readonly limits: () => ConnectionLimits;
  /** How many are open, and of each host, by whoever else accepts for this listener as well. */
  readonly open: Count;
  readonly byHost: CountByKey;
  readonly deadlines: Pick<Deadlines, "watch">;
  /** Called at once for the first, then at most once in `TELL_EVERY_MS`. */
  readonly onRefused: (refused: RefusedConnections) => void;
}

/** Milliseconds between two tellings: a flood of connections must not become one of lines. */
export const TELL_EVERY_MS = 1_000;

/**
 * The connections of one listener, counted, from when they are accepted to their end. One that would
 * be too many is to be closed before any work is done for it.
 *
 * A place that was taken is left once, by whoever owns it.
 */
export class ConnectionLimit {
  readonly #options: ConnectionLimitOptions;
  /** Refused and not told yet; `deadline` is there while it is too early to tell. */
  #refused = 0;
  #last: Omit<RefusedConnections, "count"> | undefined;
  #deadline: Deadline | undefined;

  constructor(options: ConnectionLimitOptions) {
    this.#options = options;
  }

  /** Takes a place for a connection; undefined where it is too many. */
  enter(peer: Address): Place | undefined {
    const place = this.enterUnnamed(peer);
    return place === undefined || place.name(peer) ? place : undefined;
  }

  /**
   * The same for one of which a proxy in front has yet to tell whose it is: until it is named only
   * the limit of all connections holds.
   */
  enterUnnamed(peer: Address): Place | undefined {
    const { limits, open } = this.#options;
    const { connections } = limits();
    // counted first: others may count at the same time
    if (open.add(1) <= connections || connections === 0) {
      return new CountedPlace(this.#options, this.#refuse);
    }
    open.add(-1);
    this.#refuse(peer, "connections");
    return undefined;
  }

  /** Tells what has not been told yet; to be called when the listener is closed. */
  close(): void {
    this.#tell();
    this.#deadline?.[Symbol.dispose]();
    this.#deadline = undefined;
  }

  readonly #refuse = (peer: Address, limit: keyof ConnectionLimits): void => {
    this.#refused++;
    this.#last = { peer, limit };
    if (this.#deadline === undefined) {
      this.#deadline = this.#options.deadlines.watch();
      this.#tell();
      this.#deadline.arm(TELL_EVERY_MS, () => this.#again());
    }
  };

  #again(): void {
    if (this.#refused === 0) return this.close();
    this.#tell();
    this.#deadline?.arm(TELL_EVERY_MS, () => this.#again());
  }

  #tell(): void {
    if (this.#refused === 0 || this.#last === undefined) return;
    this.#options.onRefused({ ...this.#last, count: this.#refused });
    this.#refused = 0;
  }
}

/** One connection, counted. */
class CountedPlace implements Place {
  readonly #options: ConnectionLimitOptions;
  readonly #refuse: (peer: Address, limit: keyof ConnectionLimits) => void;
  #host: string | undefined;

  constructor(
    options: ConnectionLimitOptions,
    refuse: (peer: Address, limit: keyof ConnectionLimits) => void,
  ) {
    this.#options = options;
    this.#refuse = refuse;
  }

  name(peer: Address): boolean {
    const { limits, byHost } = this.#options;
    const { connectionsPerIp } = limits();
    if (byHost.add(peer.host, 1) <= connectionsPerIp || connectionsPerIp === 0) {
      this.#host = peer.host;
      return true;
    }
    byHost.add(peer.host, -1);
    this.leave();
    this.#refuse(peer, "connectionsPerIp");
    return false;
  }

  leave(): void {
    const { open, byHost } = this.#options;
    open.add(-1);
    if (this.#host !== undefined) byHost.add(this.#host, -1);
  }
}
