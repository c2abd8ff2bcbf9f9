import type { Counters } from "../core/counters.ts";
import type { Deadlines } from "../io/deadlines.ts";
import type { ProxyError } from "../core/errors.ts";
import { type DnsName, type Endpoint, formatServerAddress } from "../core/endpoint.ts";
import type { Observer, ServerState } from "../core/event.ts";
import { serverKey, type ServerName } from "../core/server_name.ts";
import type { Staged } from "../core/staged.ts";
import type { HealthState } from "./health.ts";
import { resolveName, type ResolveOptions } from "./resolve.ts";
import { Server, type ServerSettings } from "./server.ts";
import { ServerGroup } from "./server_group.ts";
import { WaitingRoom } from "./waiting_room.ts";

export interface RegistryOptions {
  readonly deadlines: Deadlines;
  readonly observe: Observer;
  readonly counters: Counters;
  /** Whether servers are checked here; else `believe` tells how they are. */
  readonly checked: boolean;
}

/** Where the requests of a backend wait. */
export interface RoomKey {
  readonly backend: string;
  /** Who waits for a place: how many at the most, and for how many milliseconds. */
  readonly queue: { readonly max: number; readonly timeout: number };
}

/** What all servers of a backend have in common. */
export interface BackendKey extends RoomKey {
  readonly settings: ServerSettings;
  /** Whether the configuration has it drain: a server that does is the same as before. */
  readonly drains?: boolean;
  /** What it may have at once; one for which that changes is the same as before, too. */
  readonly maxConnections?: number;
}

/** One address. */
export interface ServerKey extends BackendKey {
  readonly endpoint: Endpoint;
  /** The name that it is an address of. */
  readonly host?: string;
}

/** A name whose every address is a server. */
export interface GroupKey extends BackendKey {
  readonly name: DnsName;
  readonly resolve: ResolveOptions & { readonly interval: number };
}

/** A server as it is shown. */
export interface ServerView {
  readonly backend: string;
  readonly name: string;
  readonly state: ServerState;
  /** What checks say of it, drained or not; undefined for one that is not checked. */
  readonly health: HealthState | undefined;
  /** Whether it has no new work by its configuration, whatever its state. */
  readonly drains: boolean;
  /** Requests or connections that it has now. */
  readonly load: number;
  readonly idleConnections: number;
}

/** Whether a server gets no new requests. */
export function isOut(state: ServerState): boolean {
  return OUT.has(state);
}

const OUT: ReadonlySet<ServerState> = new Set(["down", "ejected", "draining"]);

/** What is kept: it is started when it is staged first, and closed when it is no more. */
type Kept = Server | ServerGroup;

/**
 * The state of servers, kept by backend, address and settings, so that it survives a reload that
 * leaves them as they are.
 */
export class ServerRegistry {
  readonly #options: RegistryOptions;
  #kept = new Map<string, Kept>();
  #rooms = new Map<string, WaitingRoom>();
  /** Of servers that there are no more and at which something runs yet, by backend and name. */
  readonly #leaving = new Map<string, Pick<Server, "backend" | "places">>();
  /** Those that the configuration has drain. */
  #draining: ReadonlySet<Kept> = new Set();
  /** Drained ones by backend and name: neither a reload nor a name's new look brings them back. */
  readonly #drained = new Set<string>();

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /**
   * The servers for a new configuration: known ones with their state, others fresh. What the old
   * configuration had goes on until `commit`.
   */
  stage(): StagedServers {
    let before: ReadonlyMap<string, Kept> = this.#kept;
    let staged = new Map<string, Kept>();
    const rooms = new Map<string, WaitingRoom>();
    let draining = new Set<Kept>();
    let most = new Map<Kept, number>();
    const fresh = () => [...staged].filter(([id]) => !before.has(id)).map(([, kept]) => kept);
    // a group finds servers for as long as it is there, and is not to keep all that has been
    const forget = () => {
      before = staged = new Map();
      draining = new Set();
      most = new Map();
    };

    const keep = <K extends Kept>(
      id: string,
      { drains, maxConnections = 0 }: BackendKey,
      create: () => K,
    ): K => {
      const kept = (staged.get(id) ?? before.get(id) ?? create()) as K;
      staged.set(id, kept);
      most.set(kept, maxConnections);
      if (drains === true) draining.add(kept);
      return kept;
    };
    // who leaves a server of before lets nobody into the room that has taken the place of its own
    const replaced = (backend: string) =>
      [...[...before.values()].flatMap(serversOf), ...this.#leaving.values()]
        .some((server) => server.backend === backend);
    const room = ({ backend, queue }: RoomKey) => {
      const id = JSON.stringify([backend, queue]);
      const { deadlines, counters, checked } = this.#options;
      const found = rooms.get(id) ?? this.#rooms.get(id) ??
        new WaitingRoom({
          ...{ ...queue, deadlines, shared: !checked || replaced(backend) },
          waiting: counters.count(`waiting ${backend}`),
        });
      rooms.set(id, found);
      return found;
    };
    const server = (key: ServerKey) => {
      const { backend, endpoint, host, settings, maxConnections = 0 } = key;
      const { deadlines, observe, counters, checked } = this.#options;
      const name = formatServerAddress(endpoint);
      // what runs at a server whose settings were others takes places at this one, and so does what
      // another name has sent to the address, or what was sent before it was taken away and came back
      const same = { backend, server: name };
      const other = this.#named(same)[0] ?? namedIn(staged, same)[0] ??
        this.#leaving.get(serverKey(same));
      const load = other?.places ?? counters.count(`server ${backend} ${name}`);
      const server = new Server({
        ...{ backend, endpoint, host, settings, deadlines, observe, load, checked },
        maxConnections,
        room: room(key),
      });
      server.drained = this.#isDrained(server);
      return server;
    };

    return {
      room,
      server: (key) => keep(serverId(key), key, () => server(key)),
      group: (key) =>
        keep(groupId(key), key, () => {
          const source = sourceOf(key);
          return new ServerGroup({
            backend: key.backend,
            name: key.name,
            resolve: () => resolveName(key.name, key.resolve),
            interval: key.resolve.interval,
            newServer: (endpoint, maxConnections) =>
              server({ ...key, endpoint, host: key.name.host, maxConnections }),
            maxConnections: key.maxConnections ?? 0,
            // a name that cannot be looked up just now has servers nevertheless
            ...{ source, known: groupOf(before, source)?.addresses ?? [] },
            onRemoved: (servers) => this.#leave(servers),
            observe: this.#options.observe,
          });
        }),
      ready: async () => {
        const groups = fresh().filter((kept) => kept instanceof ServerGroup);
        await Promise.all(groups.map((group) => group.start()));
      },
      commit: () => {
        this.#kept = staged;
        this.#rooms = rooms;
        this.#draining = draining;
        for (const [kept, maxConnections] of most) kept.maxConnections = maxConnections;
        // as it is by now: it may have been asked for since they were staged
        for (const server of this.#servers()) {
          const drained = this.#isDrained(server);
          if (server.drained !== drained) server.drained = drained;
        }
        for (const [id, kept] of before) {
          if (staged.has(id)) continue;
          // who waits for one that is another by now has as many places as that one
          for (const server of serversOf(kept)) {
            const [follower] = this.#named(nameOf(server));
            if (follower !== undefined) server.maxConnections = follower.maxConnections;
          }
          kept.close();
          this.#leave(serversOf(kept));
        }
        for (const [id, kept] of staged) if (!before.has(id)) kept.start();
        this.#tellBack(fresh().flatMap(serversOf), [...before.values()].flatMap(serversOf));
        forget();
      },
      drop: () => {
        for (const kept of fresh()) kept.close();
        forget();
      },
    };
  }

  /** All servers, as they are now; an address that several names have is one, as it has one name. */
  views(): readonly ServerView[] {
    const views = new Map<string, ServerView>();
    for (const kept of this.#kept.values()) {
      for (const server of serversOf(kept)) {
        const key = serverKey(nameOf(server));
        const view = viewOf(server, this.#draining.has(kept));
        const before = views.get(key);
        views.set(key, before === undefined ? view : bothAsOne(before, view));
      }
    }
    return [...views.values()];
  }

  /**
   * Takes a server out for new requests, until it is taken back in; a reload changes nothing of it.
   * One that is away may be taken back in, too: it is not drained then when it comes again.
   *
   * @returns whether there is such a server, or one that has been taken out
   */
  setDrained({ backend, server }: ServerName, drained: boolean): boolean {
    const found = this.#named({ backend, server });
    const key = serverKey({ backend, server });
    const wasDrained = this.#drained.has(key);
    if (!drained) this.#drained.delete(key);
    else if (found.length > 0) this.#drained.add(key);
    for (const server of found) server.drained = drained;
    return found.length > 0 || (wasDrained && !drained);
  }

  /** Takes what somebody else has found out about a server. */
  believe(name: ServerName, state: "up" | "down"): void {
    for (const server of this.#named(name)) server.believe(state);
  }

  /** A request somewhere else failed, and it was the server's doing. */
  fail(name: ServerName, error: ProxyError): void {
    for (const server of this.#named(name)) server.fail(error, () => false);
  }

  /** Keeps in mind what runs yet at servers that have gone. */
  #leave(servers: readonly Server[]): void {
    for (const [key, { places }] of this.#leaving) {
      if (places.value === 0) this.#leaving.delete(key);
    }
    for (const server of servers) {
      const { backend, places } = server;
      if (places.value > 0) this.#leaving.set(serverKey(nameOf(server)), { backend, places });
    }
  }

  /** Tells of servers that have work again as they begin anew, where those before them had none. */
  #tellBack(fresh: readonly Server[], before: readonly Server[]): void {
    const { observe, checked } = this.#options;
    const out = before.filter((server) => server.ejected || checked && !server.usable);
    if (out.length === 0) return;
    const names = new Set(out.map((server) => serverKey(nameOf(server))));
    for (const server of fresh) {
      const { backend, name, drained } = server;
      if (drained || !names.has(serverKey(nameOf(server)))) continue;
      const reason = "a reload has it begin anew";
      observe({ kind: "server_state", backend, server: name, state: "up", reason });
    }
  }

  #isDrained(server: Server): boolean {
    return this.#drained.has(serverKey(nameOf(server)));
  }

  #named(name: ServerName): Server[] {
    return namedIn(this.#kept, name);
  }

  #servers(): Server[] {
    return [...this.#kept.values()].flatMap(serversOf);
  }

  /** Ends all checks, closes what is idle, and what comes back later. */
  close(): void {
    for (const kept of this.#kept.values()) kept.close();
  }
}

/** The servers of a configuration that is not in force yet. */
export interface StagedServers extends Staged {
  room(key: RoomKey): WaitingRoom;
  server(key: ServerKey): Server;
  group(key: GroupKey): ServerGroup;
  /** Settles when every name that is new has been looked up once, well or not. */
  ready(): Promise<void>;
  /** Makes the staged servers the current ones, and closes those that have gone. */
  commit(): void;
  /** Forgets them instead. */
  drop(): void;
}

function serversOf(kept: Kept): readonly Server[] {
  return kept instanceof ServerGroup ? kept.servers : [kept];
}

function groupOf(all: ReadonlyMap<string, Kept>, source: string): ServerGroup | undefined {
  return [...all.values()].find((kept): kept is ServerGroup =>
    kept instanceof ServerGroup && kept.source === source
  );
}

function namedIn(all: ReadonlyMap<string, Kept>, { backend, server }: ServerName): Server[] {
  return [...all.values()].flatMap(serversOf)
    .filter((kept) => kept.backend === backend && kept.name === server);
}

function nameOf({ backend, name }: Server): ServerName {
  return { backend, server: name };
}

function viewOf(
  { backend, name, state, health, load, connections }: Server,
  drains: boolean,
): ServerView {
  return { backend, name, state, health, drains, load, idleConnections: connections.idleCount };
}

/** As good as the better of the two. */
function bothAsOne(a: ServerView, b: ServerView): ServerView {
  const isUsed = ({ state, drains }: ServerView) => !drains && !isOut(state);
  return {
    ...(isUsed(a) || !isUsed(b) ? a : b),
    idleConnections: a.idleConnections + b.idleConnections,
  };
}

function serverId({ backend, endpoint, settings, queue }: ServerKey): string {
  return JSON.stringify([backend, formatServerAddress(endpoint), comparable(settings), queue]);
}

function groupId({ backend, name, settings, queue, resolve }: GroupKey): string {
  return JSON.stringify([backend, formatServerAddress(name), comparable(settings), queue, resolve]);
}

function sourceOf({ backend, name, resolve: { server, networks } }: GroupKey): string {
  return JSON.stringify([backend, formatServerAddress(name), server, networks]);
}

/** Settings as text tells them apart: TLS, whose keys are no text, by its digest. */
function comparable({ tls, ...rest }: ServerSettings) {
  return { ...rest, tls: tls?.digest };
}
