import type { Address } from "../core/address.ts";
import type { Deadline, Deadlines } from "../core/deadlines.ts";

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
  readonly #byHost = new Map<string, number>();
  #open = 0;
  /** Refused and not told yet; `deadline` is there while it is too early to tell. */
  #refused = 0;
  #last: Omit<RefusedConnections, "count"> | undefined;
  #deadline: Deadline | undefined;

  constructor(options: ConnectionLimitOptions) {
    this.#options = options;
  }

  /** How many are open. */
  get open(): number {
    return this.#open;
  }

  /** Counts a connection, unless it is too many; true has to be followed by one `leave`. */
  enter(peer: Address): boolean {
    const { connections, connectionsPerIp } = this.#options.limits();
    const ofHost = this.#byHost.get(peer.host) ?? 0;
    if (connections > 0 && this.#open >= connections) return this.#refuse(peer, "connections");
    if (connectionsPerIp > 0 && ofHost >= connectionsPerIp) {
      return this.#refuse(peer, "connectionsPerIp");
    }
    this.#open++;
    this.#byHost.set(peer.host, ofHost + 1);
    return true;
  }

  /** The connection is over. */
  leave({ host }: Address): void {
    this.#open--;
    const ofHost = this.#byHost.get(host) ?? 0;
    if (ofHost > 1) this.#byHost.set(host, ofHost - 1);
    else this.#byHost.delete(host);
  }

  /** Tells what has not been told yet; to be called when the listener is closed. */
  close(): void {
    this.#tell();
    this.#deadline?.[Symbol.dispose]();
    this.#deadline = undefined;
  }

  #refuse(peer: Address, limit: keyof ConnectionLimits): false {
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
