import { type ErrorCode, ProxyError } from "../core/errors.ts";
import type { Observer } from "../core/event.ts";
import type { Live } from "../core/live.ts";
import type { Balancer } from "./balancer/balancer.ts";
import { dial } from "./dial.ts";
import { mayEject, speaksOfServer } from "./ejection.ts";
import { Member, type MemberOptions } from "./member.ts";
import { encodeProxyHeader, type Origin } from "./proxy_protocol.ts";
import type { Server } from "./server.ts";
import type { ServerGroup } from "./server_group.ts";
import type { Dialing, ServerStream, StreamSource } from "./server_stream.ts";
import { StickyCookie, type StickyKeys, type StickyRules } from "./sticky_cookie.ts";
import type { Tries } from "./tries.ts";
import { TunnelLease } from "./tunnel_lease.ts";
import type { WaitingRoom } from "./waiting_room.ts";

export interface BackendOptions extends Dialing {
  readonly name: string;
  readonly servers: readonly (MemberOptions & { readonly server: Server | ServerGroup })[];
  readonly balancer: Balancer;
  readonly room: WaitingRoom;
  /** Milliseconds from a request's end to its answer's head. */
  readonly responseTimeout: number;
  /** Milliseconds without progress of an answer's body. */
  readonly answerIdle: number;
  /** How often a request may be tried again. */
  readonly retries: number;
  /** The share of servers, 0 to 1, that stays whatever requests meet there. */
  readonly minHealthy: number;
  /** The status for a request that no server is there for. */
  readonly whenDown: 502 | 503;
  /** Seconds after which a client may ask again when all servers are down. */
  readonly retryAfter: number;
  /** Undefined where clients do not keep their servers. */
  readonly sticky: (StickyRules & { readonly keys: Live<StickyKeys> }) | undefined;
}

/** What a claim depends on besides its client. */
export interface Claim {
  /** What has been tried in vain: other servers come first. */
  readonly tries?: Tries | undefined;
  /** The server that the client keeps, as long as it is well. */
  readonly kept?: Member | undefined;
}

/** Given what ends the wait of a claim that is of no use any more. */
export type OnWait = (giveUp: () => void) => void;

/** Some servers that can do the same work. */
export class Backend {
  readonly name: string;
  readonly responseTimeout: number;
  readonly answerIdle: number;
  readonly retries: number;
  readonly retryAfter: number;
  /** Undefined where clients do not keep their servers. */
  readonly sticky: StickyCookie | undefined;
  /** Whether the client's address decides which server it gets. */
  readonly goesByClient: boolean;
  readonly #options: BackendOptions;
  readonly #members: Members;
  readonly #observe: Observer;

  constructor(options: BackendOptions, observe: Observer) {
    this.name = options.name;
    this.responseTimeout = options.responseTimeout;
    this.answerIdle = options.answerIdle;
    this.retries = options.retries;
    this.retryAfter = options.retryAfter;
    this.goesByClient = options.balancer.goesByClient === true;
    this.#options = options;
    const members = this.#members = new Members(options.servers);
    this.sticky = options.sticky &&
      new StickyCookie({
        ...{ ...options.sticky, backend: options.name },
        members: () => members.current.all,
      });
    this.#observe = observe;
  }

  /**
   * Takes a place at a server: at once, or, where all that are well have enough to do, once one is
   * free. The place is the caller's, who gives it back by `Server.leave`, or hands it on to
   * `connect`.
   *
   * @param client the client's address
   * @param onWait called where one has to wait
   * @throws {ProxyError} `no_server` where none is left, `overloaded` where too many wait; thrown at
   *   once or by the promise
   */
  claim(client: string, claim?: Claim, onWait?: OnWait): Server | Promise<Server> {
    const server = this.#enter(client, claim);
    if (server !== undefined) return server;
    return this.#options.room.wait(() => this.#enter(client, claim), {
      whose: this,
      choosy: claim?.kept !== undefined || (claim?.tries?.count ?? 0) > 0,
      onWait,
    });
  }

  /** Whether a server is one of its own, as it is now. */
  has(server: Server): boolean {
    return this.#members.current.all.some((member) => member.server === server);
  }

  /**
   * A new connection to send requests on, to a server where a place was taken, which stays the
   * caller's.
   *
   * @param streams of that server, `Server.streamsFor`
   * @throws {ProxyError} `connect_failed` or `connect_timeout`, by the promise
   */
  open(streams: StreamSource, origin: Origin): Promise<ServerStream> {
    return streams.open(origin, this.#options);
  }

  /**
   * A connection of its own for opaque bytes, to a server where a place was taken.
   *
   * @throws {ProxyError} like `open`; the place is free
   */
  async connect(server: Server, origin: Origin): Promise<TunnelLease> {
    const { connectTimeout: timeout, proxyProtocol } = this.#options;
    const preamble = proxyProtocol && encodeProxyHeader(proxyProtocol, origin);
    try {
      const { endpoint, tls } = server;
      const connection = await dial(endpoint, { timeout, preamble, tls, alpn: [] });
      server.succeed();
      this.reached(server);
      return new TunnelLease(server, connection);
    } catch (error) {
      server.leave();
      throw error;
    }
  }

  /** Tells that a server has taken a connection. */
  reached(server: Server): void {
    this.#observe({ kind: "server_reached", backend: this.name, server: server.name });
  }

  /**
   * Tells that a server could not be reached, broke the protocol or did not answer.
   *
   * @param begun whether an answer had begun, beyond interim ones
   */
  report(server: Server, failed: ProxyError, { begun }: { begun: boolean }): void {
    const error = this.#withHint(failed);
    this.#observe({ kind: "server_failed", backend: this.name, server: server.name, error, begun });
    if (speaksOfServer(error.code, begun)) server.fail(error, () => this.#mayEject());
  }

  /** What a client, and the log of its request, are told of a failure. */
  unreachable(error: ProxyError): ProxyError {
    const down = error.code === "no_server" || error.code === "connect_failed";
    return down && this.#options.whenDown === 503
      ? new ProxyError("backend_unavailable", error.message, { cause: error })
      : this.#withHint(error);
  }

  /** With the key of the backend that would have it otherwise, where there is one. */
  #withHint(error: ProxyError): ProxyError {
    const hint = HINTS[error.code];
    if (hint === undefined) return error;
    const message = `${error.message}; backends.${this.name}.${hint}`;
    return new ProxyError(error.code, message, { cause: error });
  }

  /** @returns undefined where one has to wait */
  #enter(client: string, claim: Claim | undefined): Server | undefined {
    const kept = claim?.kept;
    const member = kept !== undefined && mayKeep(kept, claim?.tries)
      ? kept
      : this.#choose(client, claim?.tries);
    return member?.server.enter() ? member.server : undefined;
  }

  /**
   * Of the servers that are well, the first choice before the backups, which have no work while one
   * is well that was asked in vain by no failure of its own. Where none of them is left, one that is
   * out only because requests failed there: it may be back.
   */
  #choose(client: string, tries: Tries | undefined): Member | undefined {
    const { balancer } = this.#options;
    const members = this.#members.current;
    for (const tier of members.tiers) {
      const left = tries === undefined ? tier : without(tier, tries);
      const picked = balancer.pick(left, client);
      if (picked !== undefined) return picked;
      if (left.some(takesWork)) return undefined;
      const same = tries?.again ? tier.find(({ server }) => server === tries.last) : undefined;
      if (same !== undefined && takesWork(same)) return same;
    }
    const all = tries === undefined ? members.all : without(members.all, tries);
    const ejected = all.find(({ server, hasRoom }) => server.ejected && hasRoom);
    if (ejected !== undefined) return ejected;
    throw new ProxyError("no_server", `The backend ${this.name} has no server that is up`);
  }

  #mayEject(): boolean {
    const all = this.#members.current.all.filter(({ draining }) => !draining);
    const out = all.filter(({ server }) => !server.usable).length;
    return mayEject({ total: all.length, out, minHealthy: this.#options.minHealthy });
  }
}

/** The keys of a backend that mend what servers did, and how. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  answer_too_large: "limits.header_bytes sets how much may be",
  answer_has_too_many_fields: "limits.headers sets how much may be",
  websocket_unsupported: "protocol: http1 has it sent as an upgrade, where servers take HTTP/1.1",
  http1_required: "protocol: http1 has it sent so",
};

/** Whether a client stays with its server: also where it is busy, which is worth waiting for. */
function mayKeep(kept: Member, tries: Tries | undefined): boolean {
  const isTried = tries !== undefined && tries.servers.includes(kept.server) &&
    !(tries.again && tries.last === kept.server);
  return takesWork(kept) && !isTried;
}

function without(members: readonly Member[], { servers }: Tries): readonly Member[] {
  return members.filter(({ server }) => !servers.includes(server));
}

/**
 * Well, and yet it was not picked: worth waiting for. Whether it has room by now says nothing, as
 * another thread may have left a place meanwhile.
 */
function takesWork({ server, draining }: Member): boolean {
  return server.usable && !draining;
}

interface MemberLists {
  readonly all: readonly Member[];
  /** First choice, then backups. */
  readonly tiers: readonly [readonly Member[], readonly Member[]];
}

/** The members of a backend, made anew when the servers behind a name have changed. */
class Members {
  readonly #entries: BackendOptions["servers"];
  readonly #groups: readonly ServerGroup[];
  #seen: readonly (readonly Server[])[];
  #lists: MemberLists;

  constructor(entries: BackendOptions["servers"]) {
    this.#entries = entries;
    this.#groups = entries.flatMap(({ server }) => "servers" in server ? [server] : []);
    this.#seen = this.#groups.map(({ servers }) => servers);
    this.#lists = this.#make([]);
  }

  get current(): MemberLists {
    for (let i = 0; i < this.#groups.length; i++) {
      if (this.#groups[i]?.servers !== this.#seen[i]) return this.#renew();
    }
    return this.#lists;
  }

  #renew(): MemberLists {
    this.#seen = this.#groups.map(({ servers }) => servers);
    return this.#lists = this.#make(this.#lists.all);
  }

  /** Those that stay are the same, with what balancing owes them. */
  #make(before: readonly Member[]): MemberLists {
    const all = this.#entries.flatMap(({ server, ...options }) => {
      const servers = "servers" in server ? server.servers : [server];
      return servers.map((server) =>
        before.find((member) => member.server === server) ?? new Member(server, options)
      );
    });
    return {
      all,
      tiers: [
        all.filter(({ options }) => !options.backup),
        all.filter(({ options }) => options.backup),
      ],
    };
  }
}
