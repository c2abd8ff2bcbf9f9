import type { PendingChallenges } from "./acme/challenges.ts";
import { type Counters, OWN_COUNTERS } from "./core/counters.ts";
import { ProxyError } from "./core/errors.ts";
import type { Observer } from "./core/event.ts";
import { Live } from "./core/live.ts";
import { rateMemory, RateTable } from "./core/rate_table.ts";
import type { ServerName } from "./core/server_name.ts";
import type { Staged } from "./core/staged.ts";
import { Deadlines } from "./io/deadlines.ts";
import { DeafListeners } from "./control/deaf_listeners.ts";
import { ListenerSet, type RunningListener } from "./control/listener_set.ts";
import { planReload } from "./control/reload_plan.ts";
import { ServingListeners } from "./control/serving_listeners.ts";
import { type LoadedConfig, policyOf } from "./control/snapshot.ts";
import { Compressor } from "./proxy/compressor.ts";
import { type PasswordCheck, Passwords } from "./proxy/passwords.ts";
import type { Policy } from "./proxy/policy.ts";
import { Sessions } from "./proxy/session.ts";
import { portKeeper } from "./ports/port_keeper.ts";
import { giveUpFfi } from "./ports/system_library.ts";
import { openSslUnavailable } from "./tls/openssl/library.ts";
import { TicketKeys, type TicketKeySets } from "./tls/openssl/ticket_keys.ts";
import { ServerRegistry, type ServerView, type StagedServers } from "./upstream/server_registry.ts";
import { newStickyKey, type StickyKeys } from "./upstream/sticky_cookie.ts";

/** Milliseconds for which a stop waits for clients amid their handshake. */
const ARRIVAL_MS = 2_000;

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
  await app.open(options.onListening);
  giveUpFfi();
  return app;
}

export interface AppOptions {
  /** Called when it is about to listen: there may be clients from then on. */
  readonly onListening?: () => void;
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
  readonly rates?: RateTable | undefined;
  /** Checks passwords on a thread of its own. */
  readonly checkPassword?: PasswordCheck | undefined;
  /** Whether servers are checked here; else somebody else does it for several threads. */
  readonly checked?: boolean;
}

/** A policy that may come into force, and the servers it would have. */
interface StagedPolicy {
  readonly policy: Policy;
  readonly servers: StagedServers;
}

class RunningApp implements OneThreadApp {
  readonly #observe: Observer;
  readonly #deaf = new DeafListeners();
  readonly #servers: ServerRegistry;
  readonly #sessions = new Sessions();
  /** What session tickets are sealed with, on all listeners. */
  readonly #tickets: TicketKeys;
  readonly #stickyKeys: Live<StickyKeys>;
  readonly #policy: Live<Policy>;
  readonly #serving: ServingListeners;
  readonly #listeners: ListenerSet;
  /** What it starts with. */
  readonly #staged: StagedPolicy;
  #loaded: LoadedConfig;
  #stopping = false;

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
    const deadlines = new Deadlines();
    this.#tickets = new TicketKeys(ticketKeys);
    this.#stickyKeys = new Live(stickyKeys ?? [newStickyKey()]);
    this.#servers = new ServerRegistry({ deadlines, observe, counters, checked });
    this.#staged = this.#stage(loaded);
    this.#policy = new Live(this.#staged.policy);
    this.#serving = new ServingListeners({
      policy: this.#policy,
      rules: {
        rates: rates ?? new RateTable(rateMemory()),
        passwords: new Passwords(checkPassword ?? noPasswords),
        compressor: new Compressor(),
      },
      sessions: this.#sessions,
      tickets: this.#tickets,
      observe: this.#observe,
      ...{ deadlines, counters, descriptors, traced },
    });
    this.#listeners = new ListenerSet(
      loaded,
      (config, loaded, terms) => this.#serving.open(config, loaded, terms),
    );
  }

  get listeners(): readonly RunningListener[] {
    return this.#listeners.running;
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
    this.#serving.setChallenges(pending);
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

  async open(onListening = () => {}): Promise<void> {
    const { servers } = this.#staged;
    await servers.ready();
    servers.commit();
    onListening();
    try {
      await this.#listeners.open();
    } catch (error) {
      await this.drain();
      throw error;
    }
  }

  async prepare(next: LoadedConfig): Promise<PreparedConfig> {
    const changes = planReload(this.#loaded, next);
    const { policy, servers } = this.#stage(next);
    const listeners = await this.#stageListeners(servers, next);
    const drop = async () => {
      servers.drop();
      await listeners.drop();
    };
    return {
      changes,
      commit: async () => {
        // asked to stop meanwhile: nothing is opened any more
        if (this.#stopping) return await drop();
        this.#policy.replace(policy);
        servers.commit();
        this.#loaded = next;
        await listeners.commit();
      },
      drop,
    };
  }

  async drain(): Promise<number> {
    this.#stopping = true;
    await this.#listeners.close();
    const arriving = this.#listeners.arrived(Math.min(ARRIVAL_MS, this.drainTime));
    const cut = await this.#sessions.drain(this.drainTime, arriving);
    // the end of the process would be a clean end to their servers
    if (cut > 0) await portKeeper().settle();
    this.#servers.close();
    return cut;
  }

  #stage(loaded: LoadedConfig): StagedPolicy {
    const servers = this.#servers.stage();
    const options = { servers, observe: this.#observe, stickyKeys: this.#stickyKeys };
    return { policy: policyOf(loaded, options), servers };
  }

  /** Listeners last: what they give may be in force from then on. */
  async #stageListeners(servers: StagedServers, next: LoadedConfig): Promise<Staged> {
    try {
      await servers.ready();
      return await this.#listeners.stage(next);
    } catch (error) {
      servers.drop();
      throw error;
    }
  }
}

/** Where nobody checks passwords there is no route that asks for one. */
function noPasswords(): Promise<boolean> {
  return Promise.reject(new ProxyError("internal", "No thread checks passwords here"));
}
