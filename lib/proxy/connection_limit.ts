import type { Address } from "../core/address.ts";
import type { Count, CountByKey } from "../core/counters.ts";
import type { Deadline, Deadlines } from "../io/deadlines.ts";

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

  /** Counts a connection, unless it is too many; true has to be followed by one `leave`. */
  enter(peer: Address): boolean {
    const { limits, open, byHost } = this.#options;
    const { connections, connectionsPerIp } = limits();
    // counted first: others may count at the same time
    const all = open.add(1);
    const ofHost = byHost.add(peer.host, 1);
    if (connections > 0 && all > connections) return this.#refuse(peer, "connections");
    if (connectionsPerIp > 0 && ofHost > connectionsPerIp) {
      return this.#refuse(peer, "connectionsPerIp");
    }
    return true;
  }

  /** The connection is over. */
  leave({ host }: Address): void {
    const { open, byHost } = this.#options;
    open.add(-1);
    byHost.add(host, -1);
  }

  /** Tells what has not been told yet; to be called when the listener is closed. */
  close(): void {
    this.#tell();
    this.#deadline?.[Symbol.dispose]();
    this.#deadline = undefined;
  }

  #refuse(peer: Address, limit: keyof ConnectionLimits): false {
    this.leave(peer);
    this.#refused++;
    this.#last = { peer, limit };
    if (this.#deadline === undefined) {
      this.#deadline = this.#options.deadlines.watch();
      this.#tell();
      this.#deadline.arm(TELL_EVERY_MS, () => this.#again());
    }
    return false;
  }

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
