import type { App, PreparedConfig } from "../app.ts";
import type { RunningListener } from "../control/listener_set.ts";
import { type Counted, namesOf } from "../control/monitor.ts";
import { DeafListeners } from "../control/deaf_listeners.ts";
import { planReload } from "../control/reload_plan.ts";
import { type LoadedConfig, policyOf } from "../control/snapshot.ts";
import { NO_CHALLENGES, type PendingChallenges } from "../acme/challenges.ts";
import type { PasswordQuestion } from "./password_thread.ts";
import { OWN_COUNTERS } from "../core/counters.ts";
import { Deadlines } from "../io/deadlines.ts";
import { within } from "../io/within.ts";
import { asProxyError, messageOf } from "../core/errors.ts";
import type { Observer, ProxyEvent } from "../core/event.ts";
import { Live } from "../core/live.ts";
import { serverKey, type ServerName } from "../core/server_name.ts";
import { rateClock } from "../core/rate_table.ts";
import type { TallyCounts } from "../metrics/tally.ts";
import { descriptorLimit } from "../ports/descriptors.ts";
import { listeningSockets } from "../ports/listening_sockets.ts";
import { portKeeper } from "../ports/port_keeper.ts";
import type { TicketKeySets } from "../tls/openssl/ticket_keys.ts";
import {
  ServerRegistry,
  type ServerView,
  type StagedServers,
} from "../upstream/server_registry.ts";
import { speaksOfServer } from "../upstream/ejection.ts";
import type { StickyKeys } from "../upstream/sticky_cookie.ts";
import { type ControlProcedures, type FoundServers, unpackEvent } from "./messages.ts";
import { inTime } from "./patience.ts";
import { PortGroups } from "./port_groups.ts";
import { Reports } from "./reports.ts";
import { isServed, keyOfServed } from "./served.ts";
import { counterMemory, SharedCounters } from "./shared_counters.ts";
import { type StartingWorker, WorkerPool } from "./worker_pool.ts";
import type { WorkerThread } from "./worker_thread.ts";

export interface FleetOptions {
  /** How many workers, 2 or more. */
  readonly workers: number;
  /** The URL of the program, which each worker runs as well. */
  readonly program: string;
  /** Whether a password is that of a hash, on a thread of its own. */
  readonly checkPassword: (question: PasswordQuestion) => Promise<boolean>;
  /** Called when the first of them is about to listen: there may be clients from then on. */
  readonly onListening: () => void;
  /** Settles when the proxy is asked to stop: no worker begins to listen any more. */
  readonly stopped: Promise<unknown>;
  /** For what happens in this thread. */
  readonly observe: Observer;
  /** For what has happened in a worker, and was counted and logged there. */
  readonly notice: Observer;
  /** Writes whole lines to the log; settles when they are written. */
  readonly log: (lines: Uint8Array) => Promise<void>;
  readonly traced: boolean;
  /** What session tickets are sealed with at first. */
  readonly ticketKeys: TicketKeySets;
  /** What cookies of `sticky` are made with at first. */
  readonly stickyKeys: StickyKeys;
  /** Where rates are kept. */
  readonly rates: SharedArrayBuffer;
  readonly terminal: { readonly coloured: boolean } | undefined;
}

/** Milliseconds that a worker may take to make ready for a configuration, or to drop it. */
const PREPARE_MS = 30_000;
/** Milliseconds that a worker may take beyond what its connections may. */
const SETTLE_MS = 5_000;
/** Milliseconds that a worker may take to tell what it has counted. */
const REPORT_MS = 500;
/** Milliseconds that news of a server wait for all workers to know. */
const NEWS_MS = 100;

/**
 * Starts the workers, and has them listen and serve. The permission to open libraries is given up
 * once all of them have opened theirs, and before any listens.
 *
 * @throws {ProxyError} `bad_config` or `unavailable`, one clear line
 */
export async function startFleet(loaded: LoadedConfig, options: FleetOptions): Promise<Fleet> {
  const { unavailable } = portKeeper();
  const fleet = new Fleet(loaded, { ...options, unavailable });
  await fleet.open();
  return fleet;
}

/**
 * The control plane of several workers, each of which serves with listeners, pools and routes of its
 * own. Here servers are checked, configurations put in force, and counts summed up.
 */
export class Fleet implements App {
  readonly #options: FleetOptions & { readonly unavailable: string | undefined };
  readonly #ports: PortGroups;
  readonly #counters: SharedArrayBuffer;
  readonly #servers: ServerRegistry;
  readonly #drained = new Map<string, ServerName>();
  /** Servers that a worker has met a failure of, where none has told that it is served since. */
  readonly #doubted = new Map<string, ServerName>();
  #challenges = NO_CHALLENGES;
  #ticketKeys: TicketKeySets;
  readonly #stickyKeys: Live<StickyKeys>;
  #staged: StagedServers | undefined;
  readonly #pool: WorkerPool;
  readonly #reports = new Reports();
  readonly #deaf = new DeafListeners();
  #loaded: LoadedConfig;
  #listeners: readonly RunningListener[] = [];
  #stopping = false;

  constructor(
    loaded: LoadedConfig,
    options: FleetOptions & { readonly unavailable: string | undefined },
  ) {
    this.#loaded = loaded;
    this.#options = options;
    this.#ticketKeys = options.ticketKeys;
    this.#stickyKeys = new Live(options.stickyKeys);
    this.#ports = new PortGroups(
      options.unavailable === undefined ? listeningSockets() : undefined,
    );
    this.#counters = counterMemory(options.workers);
    this.#pool = new WorkerPool({
      size: options.workers,
      program: options.program,
      ports: this.#ports,
      canSilence: options.unavailable === undefined,
      control: (thread) => this.#procedures(thread),
      start: (worker, beats) => this.#start(worker, beats),
      onListening: options.onListening,
      onLost: (index) => this.#forget(index),
      observe: options.observe,
    });
    this.#servers = new ServerRegistry({
      deadlines: new Deadlines(),
      observe: (event) => this.#observe(event),
      counters: OWN_COUNTERS,
      checked: true,
    });
    this.#staged = this.#stage(loaded);
  }

  get listeners(): readonly RunningListener[] {
    return this.#listeners;
  }

  get loaded(): LoadedConfig {
    return this.#loaded;
  }

  get draining(): boolean {
    return this.#stopping;
  }

  get accepting(): boolean {
    return !this.#deaf.any && !this.#pool.lostSocket;
  }

  get drainTime(): number {
    return this.#loaded.config.timeouts.drain;
  }

  get workers(): { readonly running: number; readonly died: number } {
    return { running: this.#workers.length, died: this.#pool.died };
  }

  /** Settles when the last worker has died and none can take its place: nobody serves any more. */
  get allDead(): Promise<void> {
    return this.#pool.allDead;
  }

  /** What workers have counted, by their last reports. */
  get counted(): readonly Counted[] {
    return this.#reports.all;
  }

  /** The same for the line at the end. */
  get tallies(): readonly TallyCounts[] {
    return this.#reports.all.map(({ tally }) => tally);
  }

  get #workers(): readonly WorkerThread[] {
    return this.#pool.serving;
  }

  async open(): Promise<void> {
    const servers = this.#staged;
    this.#staged = undefined;
    await servers?.ready();
    void this.#options.stopped.then(() => this.#pool.beginNoMore());
    try {
      await this.#pool.start();
      servers?.commit();
    } catch (error) {
      this.#stopping = true;
      this.#pool.end();
      servers?.drop();
      throw error;
    }
  }

  /** Asks the workers for what they have counted; one that is too busy to tell is as it was. */
  async refresh({ metrics }: { readonly metrics: boolean }): Promise<void> {
    await Promise.all(this.#workers.map(async ({ index, channel }) => {
      try {
        const told = channel.call("report", { metrics });
        const report = await inTime(told, REPORT_MS, `worker ${index} did not tell`);
        this.#reports.take(index, report, { metrics });
      } catch {
        // what it told last stands
      }
    }));
  }

  /** As they are checked here, with what the workers have met there and have to do there. */
  servers(): readonly ServerView[] {
    const byName = Map.groupBy(
      this.#reports.servers,
      ({ backend, name }) => serverKey({ backend, server: name }),
    );
    return this.#servers.views().map((view) => {
      const seen = byName.get(serverKey({ backend: view.backend, server: view.name })) ?? [];
      // what is drained is known here; to a worker that has drained all its servers are no more
      const isOut = view.state === "down" || view.state === "draining";
      return {
        ...view,
        state: !isOut && seen.some(({ state }) => state === "ejected") ? "ejected" : view.state,
        // counted by all workers together
        load: Math.max(0, ...seen.map(({ load }) => load)),
        idleConnections: seen.reduce((sum, { idleConnections }) => sum + idleConnections, 0),
      };
    });
  }

  async setDrained(name: ServerName, drained: boolean): Promise<boolean> {
    const found = this.#servers.setDrained(name, drained);
    if (!found) return false;
    if (drained) this.#drained.set(serverKey(name), name);
    else this.#drained.delete(serverKey(name));
    await Promise.allSettled(
      this.#workers.map(({ channel }) => channel.call("setDrained", { name, drained })),
    );
    return true;
  }

  async setChallenges(pending: PendingChallenges): Promise<void> {
    this.#challenges = pending;
    await Promise.allSettled(
      this.#workers.map(({ channel }) => channel.call("setChallenges", pending)),
    );
  }

  async setTicketKeys(sets: TicketKeySets): Promise<void> {
    this.#ticketKeys = sets;
    await Promise.allSettled(
      this.#workers.map(({ channel }) => channel.call("setTicketKeys", sets)),
    );
  }

  async setStickyKeys(keys: StickyKeys): Promise<void> {
    this.#stickyKeys.replace(keys);
    await Promise.allSettled(
      this.#workers.map(({ channel }) => channel.call("setStickyKeys", keys)),
    );
  }

  async prepare(next: LoadedConfig): Promise<PreparedConfig> {
    const changes = planReload(this.#loaded, next);
    const workers = [...this.#workers];
    const staged = this.#stage(next);
    const drop = async () => {
      staged.drop();
      // who had not made ready has nothing to drop
      await Promise.allSettled(
        workers.map(({ channel }) =>
          inTime(channel.call("drop", undefined), PREPARE_MS, "a worker did not drop it")
        ),
      );
    };
    const [found, ...made] = await Promise.allSettled([
      staged.ready(),
      ...workers.map((worker) => prepareOn(worker, next)),
    ]);
    // one that has died is nothing against it: whoever takes its place takes this, too
    const living = made.filter((_, index) => this.#lives(workers[index]));
    const failed = [found, ...living.length > 0 ? living : made]
      .find((result) => result.status === "rejected");
    if (failed !== undefined) {
      await drop();
      throw asProxyError(failed.reason, "internal");
    }
    return { changes, drop, commit: () => this.#commit(next, { workers, staged }) };
  }

  async drain(): Promise<number> {
    this.#stopping = true;
    this.#pool.stopReplacing();
    const drained = await Promise.allSettled(this.#workers.map(async ({ index, channel }) => {
      const drained = channel.call("drain", undefined);
      const limit = this.drainTime + this.#settleTime;
      const { cut, report } = await inTime(drained, limit, `worker ${index} did not drain`);
      this.#reports.take(index, report, { metrics: true });
      return cut;
    }));
    this.#servers.close();
    this.#pool.end();
    return drained.reduce(
      (sum, result) => sum + (result.status === "fulfilled" ? result.value : 0),
      0,
    );
  }

  async #commit(
    next: LoadedConfig,
    { workers, staged }: { workers: readonly WorkerThread[]; staged: StagedServers },
  ): Promise<void> {
    // by the configuration that has handshakes to finish
    const limit = this.#settleTime;
    this.#loaded = next;
    staged.commit();
    this.#forgetDoubts();
    const committed = await Promise.allSettled(
      workers.map((worker) => this.#commitOn(worker, limit)),
    );
    const done = committed.find((result) => result.status === "fulfilled");
    if (done !== undefined) this.#listeners = done.value;
    this.#reports.keepOnly(namesOf(next.config));
    for (const worker of this.#workers) {
      if (workers.includes(worker)) this.#tellServers(worker);
      else await this.#update(worker, next);
    }
  }

  #lives(worker: WorkerThread | undefined): boolean {
    return worker !== undefined && this.#workers.includes(worker);
  }

  /** Milliseconds for clients to finish their handshakes, and for a worker to be done with it. */
  get #settleTime(): number {
    return this.#loaded.config.timeouts.handshake + SETTLE_MS;
  }

  /** A worker that does not take what the others have is replaced by one that does. */
  async #commitOn(worker: WorkerThread, limit: number): Promise<readonly RunningListener[]> {
    const { index, channel } = worker;
    const what = `worker ${index} did not take the new configuration`;
    try {
      return await inTime(channel.call("commit", undefined), limit, what);
    } catch (error) {
      worker.kill(messageOf(error));
      throw error;
    }
  }

  /** A worker that was started with the configuration of before. */
  async #update(worker: WorkerThread, loaded: LoadedConfig): Promise<void> {
    try {
      await prepareOn(worker, loaded);
      await this.#commitOn(worker, this.#settleTime);
      this.#tellServers(worker);
    } catch {
      // it has died, and the next begins with what is in force
    }
  }

  #stage(loaded: LoadedConfig): StagedServers {
    const servers = this.#servers.stage();
    policyOf(loaded, { servers, observe: this.#options.observe, stickyKeys: this.#stickyKeys });
    return servers;
  }

  #observe(event: ProxyEvent): void {
    const { observe } = this.#options;
    if (event.kind === "servers_resolved") {
      this.#tellFound(this.#workers, event);
      this.#forgetDoubts();
    }
    if (event.kind !== "server_state" || event.state === "ejected") return observe(event);
    const { backend, server, state } = event;
    const health = { name: { backend, server }, state };
    const told = this.#workers.map(({ channel }) => channel.call("believe", health));
    // it is news once it holds everywhere; for a worker that is busy nobody waits for long
    void within(Promise.allSettled(told), NEWS_MS, () => {}).then(() => observe(event));
  }

  /** A worker that was busy starting, or with a new configuration, has missed what was told. */
  #tellServers({ channel }: WorkerThread): void {
    channel.tell("setTicketKeys", this.#ticketKeys);
    channel.tell("setStickyKeys", this.#stickyKeys.current);
    if (this.#challenges !== NO_CHALLENGES) channel.tell("setChallenges", this.#challenges);
    for (const name of this.#drained.values()) channel.tell("setDrained", { name, drained: true });
    for (const name of this.#doubted.values()) channel.tell("doubt", name);
    for (const { backend, name: server, health } of this.#servers.views()) {
      if (health !== "up" && health !== "down") continue;
      channel.tell("believe", { name: { backend, server }, state: health });
    }
  }

  /**
   * Everybody looks names up alone, so nobody knows what was told of an address before he has found
   * it, and one that is found anew here is as good as new for all.
   */
  #tellFound(workers: readonly WorkerThread[], { backend, added }: FoundServers): void {
    const found = new Set(added);
    for (const { backend: of, name: server, health } of this.#servers.views()) {
      if (of !== backend || !found.has(server)) continue;
      const name = { backend, server };
      const drained = this.#drained.has(serverKey(name));
      for (const { channel } of workers) {
        channel.tell("setDrained", { name, drained });
        if (health === undefined) continue;
        channel.tell("believe", { name, state: health === "down" ? health : "up" });
      }
    }
  }

  #notice(worker: number, event: ProxyEvent): void {
    this.#deaf.observe(event, worker);
    if (event.kind === "server_failed") {
      const { backend, server, error, begun } = event;
      if (speaksOfServer(error.code, begun)) this.#servers.fail({ backend, server }, error);
      this.#doubt(worker, { backend, server });
    } else if (isServed(event)) this.#doubted.delete(keyOfServed(event));
    this.#options.notice(event);
  }

  /** Whichever worker is served there next tells. */
  #doubt(worker: number, name: ServerName): void {
    const key = serverKey(name);
    if (this.#doubted.has(key)) return;
    this.#doubted.set(key, name);
    for (const { index, channel } of this.#workers) {
      if (index !== worker) channel.tell("doubt", name);
    }
  }

  /** Of servers that have gone. */
  #forgetDoubts(): void {
    const there = new Set(
      this.#servers.views().map(({ backend, name }) => serverKey({ backend, server: name })),
    );
    for (const key of this.#doubted.keys()) if (!there.has(key)) this.#doubted.delete(key);
  }

  #start(worker: WorkerThread, beats: SharedArrayBuffer): StartingWorker {
    const { traced, terminal, unavailable, rates } = this.#options;
    const loaded = this.#loaded;
    const listening = worker.channel.call("start", {
      ...{ loaded, traced, terminal, unavailable, rates, beats },
      index: worker.index,
      now: rateClock(),
      counters: this.#counters,
      descriptors: descriptorLimit(),
      ticketKeys: this.#ticketKeys,
      stickyKeys: this.#stickyKeys.current,
    }).then((listeners) => {
      if (loaded === this.#loaded) this.#listeners = listeners;
    });
    const catchUp = async () => {
      if (loaded === this.#loaded) this.#tellServers(worker);
      else await this.#update(worker, this.#loaded);
    };
    return { listening, catchUp };
  }

  #forget(index: number): void {
    this.#ports.forget(index);
    this.#deaf.forget(index);
    this.#reports.lose(index);
    new SharedCounters(this.#counters, index).forget();
  }

  #procedures(worker: WorkerThread): ControlProcedures {
    const ports = this.#ports;
    return {
      checkPassword: (question) => this.#options.checkPassword(question),
      claim: (address) => ports.claim(worker.index, address),
      turn: () => ports.turn(worker.index),
      opened: (opened) => ports.opened(worker.index, opened),
      notOpened: () => ports.leave(),
      closing: (socket) => ports.closing(worker.index, socket),
      silence: (socket) => ports.silence(socket),
      closed: (socket) => ports.closed(socket),
      free: (ends) => portKeeper().free(ends),
      reset: (ends) => portKeeper().reset(ends),
      log: (lines) => this.#options.log(lines),
      notice: (message) => this.#notice(worker.index, unpackEvent(message)),
      found: (servers) => this.#tellFound([worker], servers),
    };
  }
}

/** @throws {ProxyError} what the worker threw; `unavailable` where it takes too long */
async function prepareOn({ index, channel }: WorkerThread, next: LoadedConfig): Promise<void> {
  const prepared = channel.call("prepare", next);
  await inTime(prepared, PREPARE_MS, `worker ${index} did not make ready`);
}
