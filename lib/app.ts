import { ACME_PROTOCOL, NO_CHALLENGES, type PendingChallenges } from "./acme/challenges.ts";
import { challengeCertificateOf } from "./certificates/challenge_certificate.ts";
import type { Certificate } from "./certificates/certificate.ts";
import type { Config, ListenerConfig, Mode } from "./config/config.ts";
import { type Address, formatAddress } from "./core/address.ts";
import { AddressSet } from "./core/address_set.ts";
import { type Counters, OWN_COUNTERS } from "./core/counters.ts";
import { Deadlines } from "./io/deadlines.ts";
import { Live } from "./core/live.ts";
import type { Observer } from "./core/event.ts";
import type { Staged } from "./core/staged.ts";
import { serveConnection } from "./proxy/serve_connection.ts";
import { servePlain } from "./proxy/serve_plain.ts";
import { serveHttp } from "./proxy/http_session.ts";
import { admitClient } from "./proxy/admit_client.ts";
import { ConnectionLimit } from "./proxy/connection_limit.ts";
import { openListener } from "./proxy/listener.ts";
import { openPlainListener } from "./proxy/plain_listener.ts";
import type { Policy } from "./proxy/policy.ts";
import { PathSet } from "./proxy/router.ts";
import { Compressor } from "./proxy/compressor.ts";
import { type PasswordCheck, Passwords } from "./proxy/passwords.ts";
import type { RuleServices } from "./proxy/route_rules.ts";
import { rateMemory, RateTable } from "./core/rate_table.ts";
import { ProxyError } from "./core/errors.ts";
import { Sessions } from "./proxy/session.ts";
import { servePassthrough, serveTcp } from "./proxy/tcp_session.ts";
import { DeafListeners } from "./control/deaf_listeners.ts";
import { planReload } from "./control/reload_plan.ts";
import {
  alpnOf,
  certificateStore,
  engineOf,
  type LoadedConfig,
  policyOf,
  tlsPolicyOf,
} from "./control/snapshot.ts";
import {
  type LiveCertificateStore,
  liveCertificateStore,
} from "./certificates/certificate_store.ts";
import { denoEngine } from "./tls/deno_engine.ts";
import type { EngineName, TlsListener } from "./tls/engine.ts";
import { openSslUnavailable } from "./tls/openssl/library.ts";
import { opensslEngine } from "./tls/openssl_engine.ts";
import { TicketKeys, type TicketKeySets } from "./tls/openssl/ticket_keys.ts";
import { giveUpFfi } from "./ports/system_library.ts";
import {
  type ServerName,
  ServerRegistry,
  type ServerView,
  type StagedServers,
} from "./upstream/server_registry.ts";
import { newStickyKey, type StickyKeys } from "./upstream/sticky_cookie.ts";

/** A listener that is up. */
export interface RunningListener {
  readonly address: Address;
  readonly mode: Mode | "redirect";
  /** Undefined where there is no TLS. */
  readonly engine: EngineName | undefined;
  /** Why this engine, for a person. */
  readonly engineReason: string;
}

/** The proxy while it serves. */
export interface App {
  readonly listeners: readonly RunningListener[];
  /** What is in force. */
  readonly loaded: LoadedConfig;
  /** Whether it has stopped accepting. */
  readonly draining: boolean;
  /** Whether every listener can accept. */
  readonly accepting: boolean;
  /** All servers of all backends, as they are now. */
  servers(): readonly ServerView[];
  /** Takes a server out for new requests, or back in. @returns whether there is such a server */
  setDrained(server: ServerName, drained: boolean): Promise<boolean>;
  /** What a CA may ask for from now on (RFC 8555, section 8); settles once all answer so. */
  setChallenges(pending: PendingChallenges): Promise<void>;
  /** What session tickets are sealed with from now on; settles once all do. */
  setTicketKeys(sets: TicketKeySets): Promise<void>;
  /** What cookies of `sticky` are made with from now on; settles once all do. */
  setStickyKeys(keys: StickyKeys): Promise<void>;
  /** Milliseconds for which `drain` waits, by the configuration in force. */
  readonly drainTime: number;
  /**
   * Makes ready for a new configuration: what may fail has not failed when it settles. Open
   * connections go on; servers that stay keep their connections.
   *
   * @throws {ProxyError} `bad_config` or `unavailable`; the old configuration goes on
   */
  prepare(next: LoadedConfig): Promise<PreparedConfig>;
  /**
   * Stops accepting, lets running requests and tunnels finish for at most the configured drain
   * time, then ends what is left. Resolves with the number of connections cut off.
   */
  drain(): Promise<number>;
}

/** A configuration that may come into force. */
export interface PreparedConfig extends Staged {
  /** What changes, in words. */
  readonly changes: readonly string[];
  /** Every new connection and request sees it; settles when what it replaces has gone. */
  commit(): Promise<void>;
}

/** The proxy in one thread, be it the only one or one of several. */
export interface OneThreadApp extends App {
  /** Takes what somebody else has found out about a server, where servers are not checked here. */
  believe(server: ServerName, state: "up" | "down"): void;
}

/**
 * Listens and serves. The permission to open libraries, which both engines need once, is given up
 * before the first connection is served.
 *
 * @throws {ProxyError} `bad_config` or `unavailable`, one clear line
 */
export async function startApp(
  loaded: LoadedConfig,
  observe: Observer,
  options: AppOptions = {},
): Promise<OneThreadApp> {
  const app = new RunningApp(loaded, { observe, ...options });
  // also where nothing needs it yet: a configuration that does may be loaded later
  openSslUnavailable();
  await app.open();
  giveUpFfi();
  return app;
}

export interface AppOptions {
  /** Whether events are to tell the trace that a request belongs to. */
  readonly traced?: boolean;
  /** Where connections and loads are counted, together with other threads. */
  readonly counters?: Counters;
  /** How many descriptors the process may have; undefined where that is not known. */
  readonly descriptors?: number | undefined;
  /** What session tickets are sealed with; by default what nobody else knows. */
  readonly ticketKeys?: TicketKeySets | undefined;
  /** What cookies of `sticky` are made with; by default what nobody else knows. */
  readonly stickyKeys?: StickyKeys | undefined;
  /** Where rates are kept, together with other threads. */
  readonly rates?: SharedArrayBuffer | undefined;
  /** Checks passwords on a thread of its own. */
  readonly checkPassword?: PasswordCheck | undefined;
  /** Whether servers are checked here; else somebody else does it for several threads. */
  readonly checked?: boolean;
}

/** Milliseconds for which an old listener shares an address with the one that replaces it. */
const OVERLAP_MS = 200;

interface OpenListener {
  readonly listener: TlsListener;
  readonly running: RunningListener;
  /** Where it was to listen: a name, or port 0, is not what it runs on. */
  readonly listen: Address;
  /** Its own, so that what it gives can be replaced when it is its turn. */
  readonly certificates: LiveCertificateStore | undefined;
}

/** A policy that may come into force, and the servers it would have. */
interface StagedPolicy {
  readonly policy: Policy;
  readonly servers: StagedServers;
}

class RunningApp implements OneThreadApp {
  readonly #observe: Observer;
  readonly #deaf = new DeafListeners();
  readonly #traced: boolean;
  readonly #counters: Counters;
  readonly #descriptors: number | undefined;
  readonly #deadlines = new Deadlines();
  readonly #servers: ServerRegistry;
  readonly #sessions = new Sessions();
  /** What a CA may ask for. */
  readonly #rules: RuleServices;
  readonly #challenges = new Live<PendingChallenges>(NO_CHALLENGES);
  #challengeCertificates: ReadonlyMap<string, Certificate> = new Map();
  /** What session tickets are sealed with, on all listeners. */
  readonly #tickets: TicketKeys;
  readonly #stickyKeys: Live<StickyKeys>;
  readonly #policy: Live<Policy>;
  /** What it starts with. */
  readonly #staged: StagedPolicy;
  #loaded: LoadedConfig;
  #stopping = false;
  /** By what they were configured as. */
  #open = new Map<string, OpenListener>();

  constructor(
    loaded: LoadedConfig,
    {
      observe,
      traced = false,
      counters = OWN_COUNTERS,
      checked = true,
      descriptors,
      rates,
      checkPassword,
      ticketKeys,
      stickyKeys,
    }:
      & AppOptions
      & {
        observe: Observer;
      },
  ) {
    this.#loaded = loaded;
    this.#observe = (event) => {
      this.#deaf.observe(event);
      observe(event);
    };
    this.#traced = traced;
    this.#rules = {
      rates: new RateTable(rates ?? rateMemory()),
      passwords: new Passwords(checkPassword ?? noPasswords),
      compressor: new Compressor(),
    };
    this.#counters = counters;
    this.#descriptors = descriptors;
    this.#tickets = new TicketKeys(ticketKeys);
    this.#stickyKeys = new Live(stickyKeys ?? [newStickyKey()]);
    this.#servers = new ServerRegistry({
      deadlines: this.#deadlines,
      ...{ observe, counters, checked },
    });
    this.#staged = this.#stage(loaded);
    this.#policy = new Live(this.#staged.policy);
  }

  get listeners(): readonly RunningListener[] {
    return [...this.#open.values()].map(({ running }) => running);
  }

  get loaded(): LoadedConfig {
    return this.#loaded;
  }

  get draining(): boolean {
    return this.#stopping;
  }

  get accepting(): boolean {
    return !this.#deaf.any;
  }

  servers(): readonly ServerView[] {
    return this.#servers.views();
  }

  setDrained(server: ServerName, drained: boolean): Promise<boolean> {
    return Promise.resolve(this.#servers.setDrained(server, drained));
  }

  setChallenges(pending: PendingChallenges): Promise<void> {
    this.#challenges.replace(pending);
    this.#challengeCertificates = new Map(
      Object.entries(pending.certificates)
        .map(([name, pem]) => [name, challengeCertificateOf(name, pem)]),
    );
    return Promise.resolve();
  }

  setTicketKeys(sets: TicketKeySets): Promise<void> {
    this.#tickets.replace(sets);
    return Promise.resolve();
  }

  setStickyKeys(keys: StickyKeys): Promise<void> {
    this.#stickyKeys.replace(keys);
    return Promise.resolve();
  }

  believe(server: ServerName, state: "up" | "down"): void {
    this.#servers.believe(server, state);
  }

  get drainTime(): number {
    return this.#loaded.config.timeouts.drain;
  }

  async open(): Promise<void> {
    const { servers } = this.#staged;
    await servers.ready();
    servers.commit();
    try {
      this.#open = await this.#openListeners(this.#loaded);
    } catch (error) {
      await this.drain();
      throw error;
    }
  }

  async prepare(next: LoadedConfig): Promise<PreparedConfig> {
    const changes = planReload(this.#loaded, next);
    const { policy, servers } = this.#stage(next);
    const open = await this.#openAfter(servers, next);
    return {
      changes,
      commit: async () => {
        this.#policy.replace(policy);
        servers.commit();
        const gone = [...this.#open].filter(([key]) => !open.has(key)).map(([, old]) => old);
        this.#open = open;
        this.#loaded = next;
        await this.#retire(gone);
      },
      drop: async () => {
        servers.drop();
        await this.#giveUp(open);
      },
    };
  }

  async drain(): Promise<number> {
    this.#stopping = true;
    await Promise.all([...this.#open.values()].map(({ listener }) => listener.close()));
    const cut = await this.#sessions.drain(this.drainTime);
    this.#servers.close();
    return cut;
  }

  /** Has the listeners that stay give the certificates of a new configuration, or none of them. */
  async #giveCertificates(
    open: ReadonlyMap<string, OpenListener>,
    next: LoadedConfig,
  ): Promise<void> {
    try {
      await give(this.#kept(open), next);
    } catch (error) {
      await this.#giveUp(open);
      throw error;
    }
  }

  /** Has the listeners that stay give the certificates they gave, and closes those that are new. */
  async #giveUp(open: ReadonlyMap<string, OpenListener>): Promise<void> {
    // what is in force already is opened again without trouble, or never had any
    await give(this.#kept(open), this.#loaded).catch(() => {});
    await this.#closeFresh(open);
  }

  #kept(open: ReadonlyMap<string, OpenListener>): readonly OpenListener[] {
    return [...open].filter(([key]) => this.#open.has(key)).map(([, listener]) => listener);
  }

  /** Closes listeners; those whose address another has taken over, once that one gets it all. */
  async #retire(gone: readonly OpenListener[]): Promise<void> {
    if (gone.some(({ listen }) => isAt(this.#open.values(), listen))) {
      await new Promise((resolve) => setTimeout(resolve, OVERLAP_MS));
    }
    await Promise.all(gone.map(({ listener }) => listener.close({ finishHandshakes: true })));
  }

  #stage(loaded: LoadedConfig): StagedPolicy {
    const servers = this.#servers.stage();
    const options = { servers, observe: this.#observe, stickyKeys: this.#stickyKeys };
    return { policy: policyOf(loaded, options), servers };
  }

  /** Everything of a new configuration that can fail. */
  async #openAfter(
    servers: StagedServers,
    next: LoadedConfig,
  ): Promise<Map<string, OpenListener>> {
    try {
      await servers.ready();
      const open = await this.#openListeners(next);
      await this.#giveCertificates(open, next);
      return open;
    } catch (error) {
      servers.drop();
      throw error;
    }
  }

  /** All listeners of a configuration; those that are open already as they are. */
  async #openListeners(loaded: LoadedConfig): Promise<Map<string, OpenListener>> {
    const open = new Map<string, OpenListener>();
    try {
      for (const listener of loaded.config.listeners) {
        const key = listenerKey(listener, { config: loaded.config, taken: open });
        open.set(key, this.#open.get(key) ?? await this.#openOne(listener, loaded));
      }
      return open;
    } catch (error) {
      await this.#closeFresh(open);
      throw error;
    }
  }

  /** Closes those that the configuration in force does not have. */
  async #closeFresh(open: ReadonlyMap<string, OpenListener>): Promise<void> {
    const fresh = [...open].filter(([key]) => !this.#open.has(key));
    await Promise.all(fresh.map(([, { listener }]) => listener.close({ finishHandshakes: true })));
  }

  async #openOne(config: ListenerConfig, loaded: LoadedConfig): Promise<OpenListener> {
    const { listen } = config;
    const replaced = [...this.#open.values()].filter((open) => isAt([open], listen));
    await Promise.all(replaced.map(({ listener }) => listener.settle()));
    const shared = {
      limit: this.#limitOf(listen),
      sessions: this.#sessions,
      observe: this.#observe,
      address: listen,
      beside: replaced.length > 0,
      proxies: new AddressSet(config.proxyProtocol?.from ?? []),
      handshakeTimeout: loaded.config.timeouts.handshake,
    };
    const session = {
      policy: this.#policy,
      deadlines: this.#deadlines,
      observe: this.#observe,
      traced: this.#traced,
      rules: this.#rules,
    };
    if (config.kind !== "tls") {
      const redirect = config.kind === "redirect" ? new PathSet(config.except) : undefined;
      const listener = await openPlainListener({
        ...shared,
        serve: (connection) => {
          const options = { ...session, redirect, challenges: this.#challenges };
          return redirect === undefined
            ? servePlain(connection, options)
            : serveHttp(connection, options);
        },
      });
      const { address } = listener;
      const mode = config.kind === "redirect" ? "redirect" : "http";
      const running = { address, mode, engine: undefined, engineReason: "" } as const;
      return { listener, running, listen, certificates: undefined };
    }
    const { mode } = config;
    const { engine, reason: engineReason } = engineOf(config, loaded.config);
    const certificates = liveCertificateStore(certificateStore(loaded));
    const terms = {
      challenge: {
        protocol: ACME_PROTOCOL,
        certificateFor: (name: string) => this.#challengeCertificates.get(name),
      },
      certificates,
      alpn: alpnOf(config),
      policy: tlsPolicyOf(config),
    };
    const listener = await openListener({
      ...shared,
      ...terms,
      tickets: this.#tickets,
      engine: engine === "deno" ? denoEngine : opensslEngine,
      admit: (hello) => admitClient(hello, this.#policy.current, terms),
      pass: (connection, sni) => servePassthrough(connection, sni, session),
      serve: mode === "tcp"
        ? (connection) => serveTcp(connection, session)
        : (connection) => serveConnection(connection, session),
    });
    const running = { address: listener.address, mode, engine, engineReason };
    return { listener, running, listen, certificates };
  }

  /** Counts the connections of one listener; its limits change with the configuration. */
  #limitOf(address: Address): ConnectionLimit {
    const name = `listener ${formatAddress(address)}`;
    return new ConnectionLimit({
      open: this.#counters.count(name),
      byHost: this.#counters.byKey(name),
      unproven: this.#counters.count(`${name} unproven`),
      descriptors: this.#descriptors,
      limits: () => this.#policy.current.limits,
      deadlines: this.#deadlines,
      onRefused: (refused) =>
        this.#observe({ kind: "connections_refused", listen: address, ...refused }),
    });
  }
}

/** Where nobody checks passwords there is no route that asks for one. */
function noPasswords(): Promise<boolean> {
  return Promise.reject(new ProxyError("internal", "No thread checks passwords here"));
}

/** Has listeners give the certificates of a configuration. */
async function give(listeners: readonly OpenListener[], loaded: LoadedConfig): Promise<void> {
  for (const { certificates } of listeners) certificates?.replace(certificateStore(loaded));
  await Promise.all(listeners.map(({ listener }) => listener.refresh()));
}

/** Whether one of the listeners was to listen there; a port that the system chose is nobody's. */
function isAt(listeners: Iterable<OpenListener>, { host, port }: Address): boolean {
  return port !== 0 &&
    [...listeners].some(({ listen }) => listen.host === host && listen.port === port);
}

/** Listeners with the same key are the same; one whose key changes is opened anew. */
function listenerKey(
  listener: ListenerConfig,
  { config, taken }: { config: Config; taken: ReadonlyMap<string, unknown> },
): string {
  const address = formatAddress(listener.listen);
  const { proxyProtocol } = listener;
  const { handshake } = config.timeouts;
  const facts = listener.kind !== "tls" ? [listener, proxyProtocol && handshake] : [
    listener.mode,
    alpnOf(listener),
    listener.tls,
    engineOf(listener, config).engine,
    proxyProtocol,
    handshake,
  ];
  // port 0 may stand there more than once
  for (let count = 0;; count++) {
    const key = JSON.stringify([address, count, ...facts]);
    if (!taken.has(key)) return key;
  }
}
