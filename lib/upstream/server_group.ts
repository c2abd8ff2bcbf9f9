import { isIP } from "node:net";
import { formatAddress } from "../core/address.ts";
import type { DnsName, TcpEndpoint } from "../core/endpoint.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";
import type { Observer } from "../core/event.ts";
import type { Resolved } from "./resolve.ts";
import type { Server } from "./server.ts";

export interface ServerGroupOptions {
  readonly backend: string;
  readonly name: DnsName;
  /** The addresses the name has now. */
  readonly resolve: () => Promise<Resolved>;
  /** Milliseconds between two looks. */
  readonly interval: number;
  readonly newServer: (endpoint: TcpEndpoint, maxConnections: number) => Server;
  /** What each of them may have, until that is changed. */
  readonly maxConnections: number;
  /** Told of servers whose addresses are not the name's any more. */
  readonly onRemoved: (servers: readonly Server[]) => void;
  /** By what it is looked up: where that is the same, the same is found. */
  readonly source: string;
  /** What was found last, by another in whose place this one comes. */
  readonly known: readonly string[];
  readonly observe: Observer;
}

/**
 * Servers of a name at the most. Each is checked, counted and shown by itself, and a name server may
 * answer with thousands of addresses.
 */
export const MAX_ADDRESSES = 1_000;

/**
 * The servers behind a name, one for each of its addresses. The name is looked up again and again;
 * an address that stays keeps its server, and where the look fails all of them stay, or those of
 * the IP version for which it does.
 */
export class ServerGroup {
  readonly #options: ServerGroupOptions;
  #maxConnections: number;
  /** What was found last. */
  #addresses: readonly string[];
  #servers = new Map<string, Server>();
  #list: readonly Server[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #started: Promise<void> | undefined;
  #failing = false;
  /** Whether there are more addresses than servers. */
  #isCut = false;
  #stopped = false;

  constructor(options: ServerGroupOptions) {
    this.#options = options;
    this.#addresses = options.known;
    this.#maxConnections = options.maxConnections;
  }

  /** For each of them, see `Server`. */
  set maxConnections(most: number) {
    this.#maxConnections = most;
    for (const server of this.#list) server.maxConnections = most;
  }

  get source(): string {
    return this.#options.source;
  }

  /** What was found last. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** The servers of now; another array when they are others. */
  get servers(): readonly Server[] {
    return this.#list;
  }

  /** Looks, now and from now on; settles when the first look is over. */
  start(): Promise<void> {
    return this.#started ??= this.#look();
  }

  /** Looks no more, and closes the servers. */
  close(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    for (const server of this.#list) server.close();
  }

  async #look(): Promise<void> {
    const { resolve, interval } = this.#options;
    try {
      const { addresses, unknown } = await resolve();
      if (this.#stopped) return;
      this.#failing = false;
      // what nobody has answered for stays as it was
      const kept = this.#addresses.filter((host) => isIP(host) === unknown);
      this.#use([...new Set([...addresses, ...kept])].sort());
    } catch (error) {
      if (this.#stopped) return;
      this.#replace(this.#addresses);
      if (!this.#failing) this.#tell(asProxyError(error, "resolve_failed"));
      this.#failing = true;
    }
    this.#timer = setTimeout(() => this.#look(), interval);
  }

  /** @param addresses in an order that is the same for all who look */
  #use(addresses: readonly string[]): void {
    this.#replace(addresses.slice(0, MAX_ADDRESSES));
    const isCut = addresses.length > MAX_ADDRESSES;
    if (isCut && !this.#isCut) {
      const { host } = this.#options.name;
      const why =
        `${host} has ${addresses.length} addresses, of which ${MAX_ADDRESSES} are servers`;
      this.#tell(new ProxyError("resolve_failed", why));
    }
    this.#isCut = isCut;
  }

  #tell(error: ProxyError): void {
    const { backend, name, observe } = this.#options;
    const kept = this.#list.length;
    observe({ kind: "resolve_failed", backend, name: formatAddress(name), error, kept });
  }

  #replace(addresses: readonly string[]): void {
    const { backend, name, newServer, onRemoved, observe } = this.#options;
    const before = this.#servers;
    this.#addresses = addresses;
    const now = new Map<string, Server>();
    const added: Server[] = [];
    for (const host of addresses) {
      let server = before.get(host);
      if (server === undefined) {
        server = newServer({ kind: "tcp", host, port: name.port }, this.#maxConnections);
        added.push(server);
      }
      now.set(host, server);
    }
    const removed = [...before].filter(([host]) => !now.has(host)).map(([, server]) => server);
    if (added.length + removed.length === 0) return;
    this.#servers = now;
    this.#list = [...now.values()];
    for (const server of added) server.start();
    for (const server of removed) server.remove();
    onRemoved(removed);
    observe({
      kind: "servers_resolved",
      backend,
      name: formatAddress(name),
      added: added.map(({ name }) => name),
      removed: removed.map(({ name }) => name),
    });
  }
}
