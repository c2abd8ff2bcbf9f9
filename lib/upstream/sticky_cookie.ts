import { createHmac } from "node:crypto";
import type { Live } from "../core/live.ts";
import { findCookie, setCookie } from "../http/cookies.ts";
import type { FieldChanges, RequestChanges } from "../http/message.ts";
import type { Member } from "./member.ts";
import type { Server } from "./server.ts";

/** What the values of cookies are made with: new ones by the first, and others are taken, too. */
export type StickyKeys = readonly [inUse: Uint8Array, ...alsoTaken: Uint8Array[]];

/** What replicas call their key, and how much it is; it is in use for good. */
export const STICKY_SECRET = { name: "sticky-key", bytes: 32, period: undefined } as const;

/** A key that nobody has seen. */
export function newStickyKey(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(STICKY_SECRET.bytes));
}

/** What a configuration says of a cookie that keeps clients at their servers. */
export interface StickyRules {
  /** The cookie's name. */
  readonly cookie: string;
  /** Milliseconds for which it lasts; one that is used is renewed before half of that. */
  readonly ttl: number;
}

export interface StickyCookieOptions extends StickyRules {
  readonly backend: string;
  readonly keys: Live<StickyKeys>;
  /** The servers there are now: another array when they are others. */
  readonly members: () => readonly Member[];
  /** Tells milliseconds since 1970. */
  readonly clock?: () => number;
}

/**
 * The cookie by which the clients of a backend keep their servers. Its value is a MAC of the
 * server's address and of the time: nobody can make one, or learn from it more than who is at the
 * same server, and whoever has the same key makes the same one, whatever the order of servers.
 *
 * Time goes by in halves of `ttl`, and the value of one is taken for as long as a cookie that was
 * set in it may live. A client that comes in another half is given that one's value: so it keeps its
 * server if it is away for no more than half of `ttl`, and a value that somebody has got hold of ends.
 */
export class StickyCookie {
  readonly #options: StickyCookieOptions;
  readonly #clock: () => number;
  #table: Table = NO_TABLE;

  constructor(options: StickyCookieOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date.now;
  }

  /**
   * What a request says of its server.
   *
   * @param lines the values of its `Cookie` lines
   * @param secure whether it came over TLS
   */
  read(lines: readonly string[], secure: boolean): KeptServer {
    const found = findCookie(lines, this.#options.cookie);
    if (found === undefined) return new KeptServer(this, { secure });
    const { values, others } = found;
    const { places } = this.#current();
    for (const value of values) {
      const place = places.get(value);
      if (place !== undefined) return new KeptServer(this, { secure, others, place });
    }
    return new KeptServer(this, { secure, others });
  }

  /** The value of `Set-Cookie` that ties a client to a server. */
  tie(server: Server, secure: boolean): string {
    const { cookie: name, ttl } = this.#options;
    const value = this.#current().values.get(server) ??
      this.#valueOf(server.name, this.#half(), this.#options.keys.current[0]);
    return setCookie({ name, value, maxAge: Math.ceil(ttl / 1000), secure });
  }

  /** Which half of `ttl` this is, since 1970. */
  #half(): number {
    return Math.floor(this.#clock() / (this.#options.ttl / 2));
  }

  /** The values that are taken now. */
  #current(): Table {
    const members = this.#options.members();
    const keys = this.#options.keys.current;
    const half = this.#half();
    const { members: known, keys: used, half: then } = this.#table;
    if (members !== known || keys !== used || half !== then) {
      const values = new Map(
        members.map(({ server }) => [server, this.#valueOf(server.name, half, keys[0])]),
      );
      this.#table = { members, keys, half, values, places: this.#places(members, keys, half) };
    }
    return this.#table;
  }

  #places(
    members: readonly Member[],
    keys: StickyKeys,
    half: number,
  ): ReadonlyMap<string, Place> {
    const places = new Map<string, Place>();
    for (const member of members) {
      for (const key of keys) {
        for (const offset of TAKEN) {
          const isFresh = offset >= 0 && key === keys[0];
          places.set(this.#valueOf(member.server.name, half + offset, key), { member, isFresh });
        }
      }
    }
    return places;
  }

  #valueOf(server: string, half: number, key: Uint8Array): string {
    const text = JSON.stringify([this.#options.backend, server, half]);
    return createHmac("sha256", key).update(text).digest().subarray(0, VALUE_BYTES)
      .toString("base64url");
  }
}

const VALUE_BYTES = 16;

/**
 * The halves whose values are taken, from now: a cookie lives for two behind the one it was set in,
 * and the clock of another replica may be ahead.
 */
const TAKEN = [-2, -1, 0, 1] as const;

interface Place {
  readonly member: Member;
  /** Whether the value need not be renewed yet. */
  readonly isFresh: boolean;
}

interface Table {
  readonly members: readonly Member[] | undefined;
  readonly keys: StickyKeys | undefined;
  readonly half: number;
  /** What clients get. */
  readonly values: ReadonlyMap<Server, string>;
  /** What they may send back. */
  readonly places: ReadonlyMap<string, Place>;
}

const NO_TABLE: Table = {
  members: undefined,
  keys: undefined,
  half: 0,
  values: new Map(),
  places: new Map(),
};

/** The server that one request is for, as far as its cookies tell. */
export class KeptServer {
  readonly #cookie: StickyCookie;
  readonly #secure: boolean;
  readonly #others: readonly string[] | undefined;
  readonly #place: Place | undefined;

  /** @param others the lines of `Cookie` without this one; undefined where it is not there */
  constructor(
    cookie: StickyCookie,
    { secure, others, place }: { secure: boolean; others?: readonly string[]; place?: Place },
  ) {
    this.#cookie = cookie;
    this.#secure = secure;
    this.#others = others;
    this.#place = place;
  }

  /** Undefined where no cookie names one that is there. */
  get member(): Member | undefined {
    return this.#place?.member;
  }

  /** What the server gets: the cookie is for the proxy alone. */
  requestChanges(changes: RequestChanges | undefined): RequestChanges | undefined {
    if (this.#others === undefined || changes?.remove.has("cookie")) return changes;
    return {
      ...{ path: changes?.path, host: changes?.host },
      remove: new Set([...changes?.remove ?? [], "cookie"]),
      add: [
        ...this.#others.map((value) => ({ name: "Cookie", value })),
        ...changes?.add ?? [],
      ],
    };
  }

  /** What the client gets of a server's answer: the cookie, unless it has it. */
  answerChanges(changes: FieldChanges | undefined, server: Server): FieldChanges | undefined {
    if (this.#place?.isFresh && this.#place.member.server === server) return changes;
    const value = this.#cookie.tie(server, this.#secure);
    return {
      remove: changes?.remove ?? NOTHING,
      add: [...changes?.add ?? [], { name: "Set-Cookie", value }],
    };
  }
}

const NOTHING: ReadonlySet<string> = new Set();
