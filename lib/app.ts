import type { Config, ListenerConfig, Mode, TlsListenerConfig } from "./config/schema.ts";
import { type Address, formatAddress } from "./core/address.ts";
import { Deadlines } from "./core/deadlines.ts";
import { Live } from "./core/live.ts";
import type { Observer } from "./observability/event.ts";
import { serveHttp } from "./proxy/http_session.ts";
import { ConnectionLimit } from "./proxy/connection_limit.ts";
import { openListener } from "./proxy/listener.ts";
import { openPlainListener } from "./proxy/plain_listener.ts";
import type { Policy } from "./proxy/policy.ts";
import { Sessions } from "./proxy/session.ts";
import { serveTcp } from "./proxy/tcp_session.ts";
import { planReload } from "./control/reload_plan.ts";
import { certificateStore, engineOf, type LoadedConfig, policyOf } from "./control/snapshot.ts";
import { liveCertificateStore } from "./tls/certificate_store.ts";
import { denoEngine } from "./tls/deno_engine.ts";
import type { EngineName, TlsListener } from "./tls/engine.ts";
import { giveUpFfi } from "./tls/no_delay.ts";
import { nodeEngine } from "./tls/node_engine.ts";
import { ServerRegistry, type StagedServers } from "./upstream/server_registry.ts";

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
  /**
   * Takes a new configuration: all of it, or, where it fails, nothing. Open connections go on;
   * servers that stay keep their connections.
   *
   * @returns what has changed, in words
   * @throws {ProxyError} `bad_config` or `unavailable`; the old configuration goes on
   */
  reload(next: LoadedConfig): Promise<readonly string[]>;
  /**
   * Stops accepting, lets running requests and tunnels finish for at most the configured drain
   * time, then ends what is left. Resolves with the number of connections cut off.
   */
  drain(): Promise<number>;
}

/**
 * Listens and serves. The permission to open libraries, which the `deno` engine needs once, is given
 * up before the first connection is served.
 *
 * @throws {ProxyError} `bad_config` or `unavailable`, one clear line
 */
export async function startApp(loaded: LoadedConfig, observe: Observer): Promise<App> {
  const app = new RunningApp(loaded, observe);
  await app.open();
  giveUpFfi();
  return app;
}

/** Milliseconds for which an old listener shares an address with the one that replaces it. */
const OVERLAP_MS = 200;

interface OpenListener {
  readonly listener: TlsListener;
  readonly running: RunningListener;
}

/** A policy that may come into force, and the servers it would have. */
interface StagedPolicy {
  readonly policy: Policy;
  readonly servers: StagedServers;
}

class RunningApp implements App {
  readonly #observe: Observer;
  readonly #deadlines = new Deadlines();
  readonly #servers: ServerRegistry;
  readonly #sessions = new Sessions();
  readonly #certificates;
  readonly #policy: Live<Policy>;
  /** What it starts with. */
  readonly #staged: StagedPolicy;
  #loaded: LoadedConfig;
  /** By what they were configured as. */
  #open = new Map<string, OpenListener>();

  constructor(loaded: LoadedConfig, observe: Observer) {
    this.#loaded = loaded;
    this.#observe = observe;
    this.#servers = new ServerRegistry({ deadlines: this.#deadlines, observe });
    this.#certificates = liveCertificateStore(certificateStore(loaded));
    this.#staged = this.#stage(loaded);
    this.#policy = new Live(this.#staged.policy);
  }

  get listeners(): readonly RunningListener[] {
    return [...this.#open.values()].map(({ running }) => running);
  }

  async open(): Promise<void> {
    const { servers } = this.#staged;
    await servers.ready();
    servers.commit();
    try {
      this.#open = await this.#openListeners(this.#loaded.config);
    } catch (error) {
      await this.drain();
      throw error;
    }
  }

  async reload(next: LoadedConfig): Promise<readonly string[]> {
    const plan = planReload(this.#loaded, next);
    const { policy, servers } = this.#stage(next);
    const open = await this.#openAfter(servers, next.config);
    // from here on nothing fails: every new connection and request sees the new configuration
    this.#policy.replace(policy);
    this.#certificates.replace(certificateStore(next));
    servers.commit();
    const gone = [...this.#open].filter(([key]) => !open.has(key)).map(([, old]) => old);
    this.#open = open;
    this.#loaded = next;
    await this.#retire(gone);
    await Promise.all([...open.values()].map(({ listener }) => listener.refresh()));
    return plan;
  }

  async drain(): Promise<number> {
    await Promise.all([...this.#open.values()].map(({ listener }) => listener.close()));
    const cut = await this.#sessions.drain(this.#loaded.config.timeouts.drain);
    this.#servers.close();
    return cut;
  }

  /** Closes listeners; those whose address another has taken over, once that one gets it all. */
  async #retire(gone: readonly OpenListener[]): Promise<void> {
    const now = new Set(
      [...this.#open.values()].map(({ running }) => formatAddress(running.address)),
    );
    const replaced = gone.some(({ running }) => now.has(formatAddress(running.address)));
    if (replaced) await new Promise((resolve) => setTimeout(resolve, OVERLAP_MS));
    await Promise.all(gone.map(({ listener }) => listener.close()));
  }

  #stage(loaded: LoadedConfig): StagedPolicy {
    const servers = this.#servers.stage();
    return { policy: policyOf(loaded, { servers, observe: this.#observe }), servers };
  }

  async #openAfter(
    servers: StagedServers,
    config: Config,
  ): Promise<Map<string, OpenListener>> {
    try {
      await servers.ready();
      return await this.#openListeners(config);
    } catch (error) {
      servers.drop();
      throw error;
    }
  }

  /** All listeners of a configuration; those that are open already as they are. */
  async #openListeners(config: Config): Promise<Map<string, OpenListener>> {
    const open = new Map<string, OpenListener>();
    try {
      for (const listener of config.listeners) {
        const key = listenerKey(listener, config);
        const beside = this.#at(listener.listen) !== undefined;
        open.set(key, this.#open.get(key) ?? await this.#openOne(listener, { config, beside }));
      }
      return open;
    } catch (error) {
      const fresh = [...open].filter(([key]) => !this.#open.has(key));
      await Promise.all(fresh.map(([, { listener }]) => listener.close()));
      throw error;
    }
  }

  #at({ host, port }: Address): OpenListener | undefined {
    return [...this.#open.values()].find(({ running: { address } }) =>
      address.host === host && address.port === port
    );
  }

  async #openOne(
    config: ListenerConfig,
    { config: whole, beside }: { config: Config; beside: boolean },
  ): Promise<OpenListener> {
    const { listen: address } = config;
    const limit = this.#limitOf(address);
    const shared = { limit, sessions: this.#sessions, observe: this.#observe, address, beside };
    const session = { policy: this.#policy, deadlines: this.#deadlines, observe: this.#observe };
    if (config.kind === "redirect") {
      const listener = openPlainListener({
        ...shared,
        serve: (connection) => serveHttp(connection, { ...session, redirect: true }),
      });
      const running = {
        address: listener.address,
        mode: "redirect",
        engine: undefined,
        engineReason: "",
      } as const;
      return { listener, running };
    }
    const { engine, reason } = engineOf(config, whole);
    const listener = await openListener({
      ...shared,
      engine: engine === "deno" ? denoEngine : nodeEngine,
      certificates: this.#certificates,
      alpn: config.mode === "http" ? ["http/1.1", "http/1.0"] : [],
      handshakeTimeout: whole.timeouts.handshake,
      policy: tlsPolicy(config),
      serve: config.mode === "tcp"
        ? (connection) => serveTcp(connection, session)
        : (connection) => serveHttp(connection, session),
    });
    const { mode } = config;
    return {
      listener,
      running: { address: listener.address, mode, engine, engineReason: reason },
    };
  }

  /** Counts the connections of one listener; its limits change with the configuration. */
  #limitOf(address: Address): ConnectionLimit {
    return new ConnectionLimit({
      limits: () => this.#policy.current.limits,
      deadlines: this.#deadlines,
      onRefused: (refused) =>
        this.#observe({ kind: "connections_refused", listen: address, ...refused }),
    });
  }
}

function tlsPolicy({ tls: { minVersion, strictSni } }: TlsListenerConfig) {
  return { minVersion: minVersion === "1.3" ? "TLSv1.3" : "TLSv1.2", strictSni } as const;
}

/** Listeners with the same key are the same; one whose key changes is opened anew. */
function listenerKey(listener: ListenerConfig, config: Config): string {
  const address = formatAddress(listener.listen);
  if (listener.kind === "redirect") return JSON.stringify([address, "redirect"]);
  const { mode, tls } = listener;
  return JSON.stringify([
    address,
    mode,
    tls,
    engineOf(listener, config).engine,
    config.timeouts.handshake,
  ]);
}
