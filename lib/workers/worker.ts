import type { PendingChallenges } from "../acme/challenges.ts";
import { type OneThreadApp, type PreparedConfig, startApp } from "../app.ts";
import { loopDelayFamily, memoryFamily, namesOf } from "../control/monitor.ts";
import type { LoadedConfig } from "../control/snapshot.ts";
import { ProxyError } from "../core/errors.ts";
import type { ProxyEvent } from "../core/event.ts";
import { putLast } from "../core/put_last.ts";
import { serverKey, type ServerName } from "../core/server_name.ts";
import { rateClock, RateTable } from "../core/rate_table.ts";
import { type Log, openLog } from "../log/log.ts";
import type { LogOutput } from "../log/log_output.ts";
import { LoopDelay } from "../metrics/loop_delay.ts";
import { startTally } from "../metrics/tally.ts";
import { openTelemetry } from "../metrics/telemetry.ts";
import { painter } from "../log/terminal_format.ts";
import { levelOf } from "../log/text_format.ts";
import { Traffic } from "../metrics/traffic.ts";
import { openSslUnavailable } from "../tls/openssl/library.ts";
import type { TicketKeySets } from "../tls/openssl/ticket_keys.ts";
import { keepPortsBy } from "../ports/port_keeper.ts";
import type { StickyKeys } from "../upstream/sticky_cookie.ts";
import { beat } from "./heartbeats.ts";
import { Channel, type MessageEnd } from "./channel.ts";
import {
  type ControlProcedures,
  packEvent,
  type ServerHealth,
  type WorkerProcedures,
  type WorkerReport,
  type WorkerStart,
} from "./messages.ts";
import { RemotePorts } from "./remote_ports.ts";
import { isServed, keyOfServed } from "./served.ts";
import { SharedCounters } from "./shared_counters.ts";

/** Serves as the control plane says, which speaks to this thread by messages. */
export function serveAsWorker(end: MessageEnd): void {
  new DataPlane(end);
}

/** Warnings a second that the control plane shows at the most. */
const NOTICES = 50;
/** Servers of which is told when they serve again: those behind names come and go. */
const FAILING = 10_000;

/** One of the threads that serve: the proxy without checks, files and signals. */
class DataPlane implements WorkerProcedures {
  readonly #control: Channel<ControlProcedures>;
  readonly #tally = startTally();
  readonly #traffic = new Traffic();
  readonly #delay = new LoopDelay();
  readonly #telemetry = openTelemetry();
  readonly #notices = new Notices((event) => this.#control.tell("notice", packEvent(event)));
  #log: Log | undefined;
  #app: OneThreadApp | undefined;
  /** Grows with each configuration that is prepared or given up. */
  #turn = 0;
  #prepared: { readonly loaded: LoadedConfig; readonly config: PreparedConfig } | undefined;

  constructor(end: MessageEnd) {
    const procedures: WorkerProcedures = {
      load: () => this.load(),
      start: (start) => this.start(start),
      prepare: (next) => this.prepare(next),
      commit: () => this.commit(),
      drop: () => this.drop(),
      setDrained: (order) => this.setDrained(order),
      setChallenges: (pending) => this.setChallenges(pending),
      setTicketKeys: (sets) => this.setTicketKeys(sets),
      setStickyKeys: (keys) => this.setStickyKeys(keys),
      believe: (health) => this.believe(health),
      doubt: (server) => this.doubt(server),
      report: (options) => this.report(options),
      drain: () => this.drain(),
    };
    this.#control = new Channel<ControlProcedures>(end, procedures);
  }

  load(): void {
    // what stands against it is told where it is needed
    openSslUnavailable();
  }

  async start(start: WorkerStart) {
    const {
      loaded,
      traced,
      terminal,
      counters,
      rates,
      now,
      beats,
      index,
      unavailable,
      ticketKeys,
      stickyKeys,
      descriptors,
    } = start;
    beat(beats, index);
    const control = this.#control;
    keepPortsBy(new RemotePorts(control, unavailable));
    const output = outputOf(control);
    this.#log = await openLog(loaded.config.log, {
      output,
      openFile: () => Promise.resolve(output),
      terminal: terminal && painter(terminal.coloured),
    });
    this.#app = await startApp(loaded, (event) => this.#observe(event), {
      ...{ traced, ticketKeys, stickyKeys, checked: false },
      counters: new SharedCounters(counters, index),
      rates: new RateTable(rates, { behind: now - rateClock() }),
      checkPassword: (password, hash) => control.call("checkPassword", { password, hash }),
      descriptors,
    });
    return this.#app.listeners;
  }

  async prepare(next: LoadedConfig): Promise<void> {
    const turn = ++this.#turn;
    const config = await this.#serving.prepare(next);
    if (turn !== this.#turn) {
      await config.drop();
      throw new ProxyError("unavailable", "The configuration was given up meanwhile");
    }
    this.#prepared = { loaded: next, config };
  }

  async commit() {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    if (prepared !== undefined) {
      const log = await this.#log?.prepare(prepared.loaded.config.log);
      log?.commit();
      await prepared.config.commit();
      this.#traffic.keepOnly(namesOf(prepared.loaded.config));
    }
    return this.#serving.listeners;
  }

  async drop(): Promise<void> {
    this.#turn++;
    const prepared = this.#prepared;
    this.#prepared = undefined;
    await prepared?.config.drop();
  }

  async setDrained({ name, drained }: { readonly name: ServerName; readonly drained: boolean }) {
    await this.#app?.setDrained(name, drained);
  }

  setChallenges(pending: PendingChallenges): void {
    void this.#app?.setChallenges(pending);
  }

  setTicketKeys(sets: TicketKeySets): void {
    void this.#app?.setTicketKeys(sets);
  }

  setStickyKeys(keys: StickyKeys): void {
    void this.#app?.setStickyKeys(keys);
  }

  believe({ name, state }: ServerHealth): void {
    this.#app?.believe(name, state);
  }

  doubt(server: ServerName): void {
    this.#notices.doubt(server);
  }

  report({ metrics }: { readonly metrics: boolean }): WorkerReport {
    return {
      totals: this.#traffic.totals,
      tally: this.#tally.counts,
      metrics: metrics
        ? [...this.#traffic.families(), loopDelayFamily(this.#delay), memoryFamily()]
        : [],
      servers: this.#app?.servers() ?? [],
      dropped: this.#log?.dropped ?? 0,
    };
  }

  async drain() {
    const cut = await this.#serving.drain();
    await this.#log?.close();
    return { cut, report: this.report({ metrics: true }) };
  }

  get #serving(): OneThreadApp {
    if (this.#app === undefined) throw new ProxyError("internal", "The worker has not started");
    return this.#app;
  }

  #observe(event: ProxyEvent): void {
    // names are looked up by the control plane too, which tells
    if (event.kind === "resolve_failed") return;
    if (event.kind === "servers_resolved") {
      const { backend, added } = event;
      return this.#control.tell("found", { backend, added });
    }
    this.#tally.observe(event);
    this.#traffic.observe(event);
    this.#log?.observe(event);
    this.#telemetry?.(event);
    this.#notices.observe(event);
  }
}

/**
 * Tells the control plane what it goes by: each failure of a server, and when it serves again. Of
 * other warnings, which it only shows, some a second.
 */
class Notices {
  readonly #tell: (event: ProxyEvent) => void;
  /** By backend and name. */
  readonly #failing = new Map<string, ServerName>();
  #second = 0;
  #told = 0;

  constructor(tell: (event: ProxyEvent) => void) {
    this.#tell = tell;
  }

  /** A server has failed, for this worker or another. The last is the one that failed last. */
  doubt({ backend, server }: ServerName): void {
    putLast(this.#failing, [serverKey({ backend, server }), { backend, server }], FAILING);
  }

  observe(event: ProxyEvent): void {
    switch (event.kind) {
      case "server_failed":
        this.doubt(event);
        return this.#tell(event);
      case "listener_trouble":
      case "listener_recovered":
        return this.#tell(event);
      case "server_reached":
      case "request":
      case "connection_end":
        if (this.#failing.size === 0 || !isServed(event)) break;
        if (this.#failing.delete(keyOfServed(event))) return this.#tell(event);
    }
    if (levelOf(event) === "warning" && this.#mayTell()) this.#tell(event);
  }

  #mayTell(): boolean {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) [this.#second, this.#told] = [second, 0];
    return this.#told++ < NOTICES;
  }
}

/** Lines go to the control plane, which writes those of all workers. */
function outputOf(control: Channel<ControlProcedures>): LogOutput {
  return {
    write: async (bytes) => {
      const lines = bytes.slice();
      await control.call("log", lines, [lines.buffer]);
      return bytes.length;
    },
    close: () => {},
    discard: () => {},
  };
}
