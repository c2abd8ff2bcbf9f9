import type { Address } from "../core/address.ts";
import { clientKey } from "../core/client_key.ts";
import { Roster, type RosterEntry } from "../core/roster.ts";
import type { Count, CountByKey } from "../core/counters.ts";
import type { Deadline, Deadlines } from "../io/deadlines.ts";
import type { Place } from "../ports/place.ts";

/** How many connections a listener has at once; 0 is no limit. */
export interface ConnectionLimits {
  /** Of all clients together. */
  readonly connections: number;
  /** Of one IP address; of IPv6, of a /64. */
  readonly connectionsPerIp: number;
}

/** Connections that were refused since the last time this was told. */
export interface RefusedConnections {
  /** Whose the last of them was. */
  readonly peer: Address;
  /** The limit that it was over. */
  readonly limit: LimitName;
  readonly count: number;
}

/** A limit of a listener; `handshakes` is half of the others' room. */
export type LimitName = keyof ConnectionLimits | "handshakes";

/** How many there are. */
export interface ConnectionCounts {
  /** How many are open, and of each client (see `clientKey`), by whoever else accepts for this listener as well. */
  readonly open: Count;
  readonly byHost: CountByKey;
  /** Of those that are open, how many have yet to finish their handshake. */
  readonly unproven: Count;
}

export interface ConnectionLimitOptions extends ConnectionCounts {
  /** Read anew for every connection. */
  readonly limits: () => ConnectionLimits;
  /** How many descriptors this process may have; undefined where that is not known. */
  readonly descriptors?: number | undefined;
  readonly deadlines: Pick<Deadlines, "watch">;
  /** Called at once for the first, then at most once in `TELL_EVERY_MS`. */
  readonly onRefused: (refused: RefusedConnections) => void;
}

/** Handshakes that are let go on in any case, as long as there is a place. */
const FEW = 4;

/** Milliseconds between two tellings: a flood of connections must not become one of lines. */
export const TELL_EVERY_MS = 1_000;

/**
 * The connections of one listener, counted, from when they are accepted to their end. One that would
 * be too many is to be closed before any work is done for it.
 *
 * Those that have yet to finish their handshake have half of the room at the most: beyond that the
 * oldest of them goes, of those that have not said a word if there are some. So who opens connections
 * and says nothing shuts nobody out who does.
 *
 * A place that was taken is left once, by whoever owns it.
 */
export class ConnectionLimit {
  readonly #options: ConnectionLimitOptions;
  readonly #placeOptions: PlaceOptions;
  /** Refused and not told yet; `deadline` is there while it is too early to tell. */
  #refused = 0;
  #last: Omit<RefusedConnections, "count"> | undefined;
  #deadline: Deadline | undefined;
  /** Those that have yet to finish their handshake, of this thread, the oldest first. */
  readonly #silent = new Roster<CountedPlace>();
  readonly #speaking = new Roster<CountedPlace>();

  constructor(options: ConnectionLimitOptions) {
    this.#options = options;
    this.#placeOptions = {
      ...options,
      ...{ refuse: this.#refuse, begun: this.#begun, spoke: this.#spoke, settled: this.#settled },
    };
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
      return new CountedPlace(peer, this.#placeOptions);
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

  readonly #begun = (place: CountedPlace): void => {
    place.entry = this.#silent.add(place);
    const { limits, descriptors = Infinity } = this.#options;
    // a connection takes a descriptor, and mostly one more to its server
    const room = Math.min(limits().connections || Infinity, descriptors / 2);
    // of a handful half would be gone before anybody could have said a word
    const most = Math.max(room / 2, FEW);
    let unproven = this.#options.unproven.add(1);
    for (const some of [this.#silent, this.#speaking]) {
      for (let oldest = some.first; oldest !== undefined && oldest !== place; oldest = some.first) {
        if (unproven <= most) return;
        if (oldest.giveWay()) this.#refuse(oldest.peer, "handshakes");
        unproven = this.#options.unproven.value;
      }
    }
  };

  readonly #spoke = (place: CountedPlace): void => {
    if (this.#silent.remove(place.entry)) place.entry = this.#speaking.add(place);
  };

  readonly #settled = (place: CountedPlace): void => {
    const { entry } = place;
    const wasIn = this.#silent.remove(entry) || this.#speaking.remove(entry);
    if (wasIn) this.#options.unproven.add(-1);
  };

  readonly #refuse = (peer: Address, limit: LimitName): void => {
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

interface PlaceOptions extends Pick<ConnectionLimitOptions, "limits" | "open" | "byHost"> {
  readonly refuse: (peer: Address, limit: LimitName) => void;
  readonly begun: (place: CountedPlace) => void;
  readonly spoke: (place: CountedPlace) => void;
  readonly settled: (place: CountedPlace) => void;
}

/** One connection, counted. */
class CountedPlace implements Place {
  /** As far as it is known. */
  peer: Address;
  /** Where it stands while its handshake goes on. */
  entry: RosterEntry<CountedPlace> | undefined;
  readonly #options: PlaceOptions;
  /** What it is counted by, once that is known. */
  #key: string | undefined;
  #giveWay: (() => boolean) | undefined;

  constructor(peer: Address, options: PlaceOptions) {
    this.peer = peer;
    this.#options = options;
  }

  name(peer: Address): boolean {
    const { limits, byHost, refuse } = this.#options;
    const { connectionsPerIp } = limits();
    this.peer = peer;
    const key = clientKey(peer.host);
    if (byHost.add(key, 1) <= connectionsPerIp || connectionsPerIp === 0) {
      this.#key = key;
      return true;
    }
    byHost.add(key, -1);
    this.leave();
    refuse(peer, "connectionsPerIp");
    return false;
  }

  begin(giveWay: () => boolean): void {
    const isFirst = this.#giveWay === undefined;
    this.#giveWay = giveWay;
    if (isFirst) this.#options.begun(this);
  }

  spoke(): void {
    this.#options.spoke(this);
  }

  /** @returns whether it has left */
  giveWay(): boolean {
    const giveWay = this.#giveWay;
    this.settle();
    return giveWay?.() === true;
  }

  settle(): void {
    if (this.#giveWay === undefined) return;
    this.#giveWay = undefined;
    this.#options.settled(this);
  }

  leave(): void {
    this.settle();
    const { open, byHost } = this.#options;
    open.add(-1);
    if (this.#key !== undefined) byHost.add(this.#key, -1);
  }
}
