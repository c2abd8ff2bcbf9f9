import type { Count } from "../core/counters.ts";
import type { Deadlines } from "../io/deadlines.ts";
import { type Endpoint, formatServerAddress } from "../core/endpoint.ts";
import type { ProxyError } from "../core/errors.ts";
import type { Observer, ServerState } from "../core/event.ts";
import type { RequestFacts } from "../http/message.ts";
import type { HeadLimits } from "../http/limits.ts";
import type { ServerTls } from "../tls/server_trust.ts";
import { TlsClient } from "../tls/tls_client.ts";
import { isRefused } from "./dial.ts";
import { Ejection, type EjectionRules } from "./ejection.ts";
import { HealthChecker } from "./health_checker.ts";
import { HealthCounter, type HealthRules, type HealthState, type Outcome } from "./health.ts";
import { AutoPool } from "./auto_pool.ts";
import { Http2Pool } from "./http2_pool.ts";
import { Http1Pool } from "./http1_pool.ts";
import type { PoolOptions } from "./pooled_server.ts";
import { probe, type ProbeRules } from "./probe.ts";
import type { ProxyProtocolVersion } from "./proxy_protocol.ts";
import type { ServerConnections, StreamSource } from "./server_stream.ts";
import { slowStartShare } from "./slow_start.ts";
import type { WaitingRoom } from "./waiting_room.ts";
import { asksWebSocket } from "./websocket.ts";

/** What a server's state depends on: where it changes, the server is another one. */
export interface ServerSettings {
  readonly pool: PoolOptions;
  /** Undefined where it is not checked. */
  readonly health: HealthSettings | undefined;
  readonly ejection: EjectionRules;
  /** Milliseconds until a server that has returned has its whole share. */
  readonly slowStart: number;
  readonly proxyProtocol: ProxyProtocolVersion | undefined;
  /** Undefined where it is spoken to in plain text. */
  readonly tls: ServerTls | undefined;
  /** What requests are sent by; `auto` is what it chooses, which takes TLS. */
  readonly protocol: "http1" | "h2" | "auto";
  /** On the heads of its answers; a connection to it has them for good. */
  readonly limits: HeadLimits;
}

/** What a server is asked, how often, and what its answers lead to. */
export interface HealthSettings extends HealthRules {
  readonly probe: ProbeRules;
  /** Milliseconds, like the next two. */
  readonly interval: number;
  readonly fastInterval: number;
  readonly timeout: number;
}

export interface ServerOptions {
  readonly backend: string;
  readonly endpoint: Endpoint;
  /** What it is called, where that is not in its endpoint: one of the addresses of a name. */
  readonly host?: string | undefined;
  readonly settings: ServerSettings;
  /** How many requests or connections it has, of all who send it some. */
  readonly load: Count;
  /** How many it may have; 0 is no limit. */
  readonly maxConnections: number;
  /** Whether it is checked here; else somebody else does it, and tells. */
  readonly checked: boolean;
  /** Where those wait who found all servers of the backend busy. */
  readonly room: WaitingRoom;
  readonly deadlines: Deadlines;
  readonly observe: Observer;
}

/**
 * One server of a backend, with all that is known of it: whether it is well, by its checks and by
 * what becomes of real requests, what it has to do, and its idle connections.
 */
export class Server {
  readonly backend: string;
  readonly endpoint: Endpoint;
  /** `host:port` or `unix:/path`, for people. */
  readonly name: string;
  /** For requests. */
  readonly connections: ServerConnections;
  /** For those of them that ask for a WebSocket. */
  readonly #tunnels: StreamSource;
  /** What speaks TLS to it; undefined for plain text. */
  readonly tls: TlsClient | undefined;
  /** What counts its requests or connections: one that takes its place counts on. */
  readonly places: Count;
  #drained = false;
  #maxConnections: number;
  readonly #options: ServerOptions;
  readonly #ejection: Ejection;
  readonly #health: HealthCounter | undefined;
  readonly #checker: HealthChecker | undefined;
  #usable = true;
  #ejected = false;
  #returns: ReturnType<typeof setTimeout> | undefined;
  /** When it returned, while it starts slowly. */
  #returned: number | undefined;
  #gone = false;

  constructor(options: ServerOptions) {
    const { backend, endpoint, deadlines, settings } = options;
    const { ejection, health, pool, protocol, proxyProtocol, tls } = settings;
    this.#options = options;
    this.places = options.load;
    this.#maxConnections = options.maxConnections;
    this.backend = backend;
    this.endpoint = endpoint;
    this.name = formatServerAddress(endpoint);
    const host = options.host ?? (endpoint.kind === "tcp" ? endpoint.host : undefined);
    this.tls = tls && new TlsClient({ tls, host });
    // the header at its beginning ties a connection to one client
    const mayPool = proxyProtocol === undefined;
    const pooled = { ...pool, endpoint, tls: this.tls, mayPool };
    if (protocol === "auto") {
      const auto = new AutoPool(pooled, deadlines);
      this.connections = auto;
      this.#tunnels = auto.tunnels;
    } else {
      const Pools = protocol === "h2" ? Http2Pool : Http1Pool;
      this.connections = this.#tunnels = new Pools(pooled, deadlines);
    }
    this.#ejection = new Ejection(ejection);
    if (health === undefined) return;
    this.#health = new HealthCounter(health);
    if (!options.checked) return;
    this.#checker = new HealthChecker({
      ...health,
      probe: () =>
        probe(endpoint, health.probe, {
          ...{ timeout: health.timeout, proxyProtocol, tls: this.tls, protocol },
        }),
      onResult: ({ outcome, reason }) => {
        if (outcome !== "untold") this.#record(outcome, `check: ${reason}`);
        return this.#health?.changing ?? false;
      },
    });
  }

  /** How many requests or connections it has now. */
  get load(): number {
    return this.places.value;
  }

  /** Whether it is to have requests: neither known to be down nor ejected. */
  get usable(): boolean {
    return this.#usable;
  }

  /** Out because of failed requests, while no check says that it is down. */
  get ejected(): boolean {
    return this.#ejected && this.#health?.state !== "down";
  }

  /** Whether it is to have no new work, as somebody has asked for; what runs there goes on. */
  get drained(): boolean {
    return this.#drained;
  }

  set drained(drained: boolean) {
    this.#drained = drained;
    if (drained) this.connections.clear();
    this.#admit();
  }

  /**
   * How many requests or connections it may have, 0 for any number: by what is in force, also for
   * those that have come before it was.
   */
  get maxConnections(): number {
    return this.#maxConnections;
  }

  set maxConnections(most: number) {
    if (most === this.#maxConnections) return;
    this.#maxConnections = most;
    this.#admit();
  }

  get state(): ServerState {
    if (this.#gone || this.#drained) return "draining";
    const state = this.health ?? "unchecked";
    return state !== "down" && this.#ejected ? "ejected" : state;
  }

  /** What checks say of it, drained or not; undefined for one that is not checked. */
  get health(): HealthState | undefined {
    return this.#health?.state;
  }

  /** Its part of its weight for now. */
  get share(): number {
    if (this.#returned === undefined) return 1;
    const { slowStart } = this.#options.settings;
    const share = slowStartShare(performance.now() - this.#returned, slowStart);
    if (share === 1) this.#returned = undefined;
    return share;
  }

  /** Where a request gets its connection from. */
  streamsFor(request: Pick<RequestFacts, "method" | "upgrade">): StreamSource {
    return asksWebSocket(request) ? this.#tunnels : this.connections;
  }

  /** Begins to check it, and to give it work. */
  start(): void {
    this.#checker?.start();
    this.#admit();
  }

  /** Takes a place. @returns whether there was one */
  enter(): boolean {
    const most = this.#maxConnections;
    // counted first: others may count at the same time
    if (this.places.add(1) <= most || most === 0) return true;
    this.places.add(-1);
    return false;
  }

  /** Takes a place, be there one or not. */
  enterAnyway(): void {
    this.places.add(1);
  }

  /** Gives a place back, to whoever waits for one. */
  leave(): void {
    this.places.add(-1);
    const { room } = this.#options;
    if (room.size > 0) room.admitFairly();
  }

  /** A request went well. */
  succeed(): void {
    this.#ejection.succeed();
  }

  /**
   * A request failed, and it was the server's doing.
   *
   * @param mayEject whether the backend can do without it
   */
  fail(error: ProxyError, mayEject: () => boolean): void {
    if (this.#gone) return;
    const refused = isRefused(error);
    // what listens nowhere fails its checks too: that need not be waited for
    if (refused) this.#record("refused", error.message);
    else this.#checker?.hurry();
    const out = this.#ejection.fail({ refused });
    if (out && this.#usable && mayEject()) this.#eject(error);
  }

  /** Takes what somebody else has found out about it. */
  believe(state: "up" | "down"): void {
    if (this.#health?.become(state) === undefined) return;
    if (state === "down") this.connections.clear();
    else this.#forgive();
    this.#update(undefined);
  }

  /**
   * Closes what is idle, and what comes back later. Requests that run go on, and so do those that
   * have come under a configuration which has it, and are yet to be sent.
   */
  close(): void {
    this.#gone = true;
    this.#checker?.stop();
    clearTimeout(this.#returns);
    this.connections.close();
  }

  /** The same for one that there is no more, so that nothing is to be sent to it. */
  remove(): void {
    this.#usable = false;
    this.close();
    this.#admit();
  }

  #record(outcome: Outcome, reason: string): void {
    const changed = this.#health?.record(outcome);
    if (this.#health?.changing) this.#checker?.hurry();
    if (changed === undefined) return;
    // a server that is found as it was taken to be is no news, and who checks it tells by himself
    const news = this.#options.checked && (changed === "down" || !this.#usable);
    if (changed === "down") this.connections.clear();
    else this.#forgive();
    this.#update(news ? reason : undefined);
  }

  #eject(error: ProxyError): void {
    const { failures } = this.#ejection;
    const duration = this.#ejection.eject(performance.now());
    this.#ejected = true;
    this.#returns = setTimeout(() => this.#return(), duration);
    this.connections.clear();
    const times = failures === 1 ? "" : `${failures} failures in a row, `;
    this.#update(`${times}the last: ${error.message}; for ${duration / 1000} s`);
  }

  /** Checks that it passed count for more than requests it failed before. */
  #forgive(): void {
    this.#ejection.succeed();
    this.#ejected = false;
    clearTimeout(this.#returns);
  }

  #return(): void {
    this.#ejected = false;
    this.#update(this.#health?.state === "down" ? undefined : "its time out is over");
  }

  /** @param news why, where it is worth telling */
  #update(news: string | undefined): void {
    const was = this.#usable;
    this.#usable = this.#health?.state !== "down" && !this.#ejected;
    if (this.#usable && !was) this.#returned = performance.now();
    const { backend, observe } = this.#options;
    if (news !== undefined) {
      const state = this.#usable ? "up" : this.ejected ? "ejected" : "down";
      observe({ kind: "server_state", backend, server: this.name, state, reason: news });
    }
    this.#admit();
  }

  /** Who waits for a place gets in, or hears that there is nobody to wait for. */
  #admit(): void {
    const { room } = this.#options;
    if (room.size > 0) room.admit();
  }
}
