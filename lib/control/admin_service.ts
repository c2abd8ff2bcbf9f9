import type { AdminConfig } from "../config/config.ts";
import { type Address, formatAddress, mayOverlap, overlap } from "../core/address.ts";
import { Live } from "../core/live.ts";
import type { ServerName } from "../core/server_name.ts";
import type { Staged } from "../core/staged.ts";
import { ReservedDescriptors } from "../ports/descriptors.ts";
import { cannotListen, cannotListenBeside, cannotListenTwice } from "../ports/shared_port.ts";
import { AdminServer } from "../admin/admin_server.ts";
import { type AdminActions, serveAdmin } from "../admin/admin.ts";
import type { AccessRules } from "../admin/admin_access.ts";
import { EventStream } from "../admin/event_stream.ts";
import { History } from "../metrics/history.ts";
import type { Monitor, Watched } from "./monitor.ts";
import { readToken } from "./service_files.ts";

/** What the service shows, and what it may do to the proxy. */
export interface AdminTarget extends Watched {
  setDrained(server: ServerName, drained: boolean): Promise<boolean>;
  /** Asks other threads for what they have counted; with their metrics, or without. */
  refresh(options: { readonly metrics: boolean }): Promise<void>;
  /** Settles when a reload is over. */
  reload(): Promise<void>;
}

/** The admin listener, where the configuration has one: page, metrics, state and actions. */
export class AdminService implements AsyncDisposable {
  readonly #monitor: Monitor;
  readonly #target: AdminTarget;
  #config: AdminConfig | undefined;
  #listening: Listening | undefined;
  /** For whoever asks while clients have all other descriptors. */
  readonly #reserved = new ReservedDescriptors();

  constructor(monitor: Monitor, target: AdminTarget) {
    this.#monitor = monitor;
    this.#target = target;
  }

  /** Where it listens; undefined where it does not. */
  get address(): Address | undefined {
    return this.#listening?.address;
  }

  /**
   * Makes ready for a configuration: a listener that is new is open when it settles.
   *
   * @returns what puts it in force, and what gives it up
   * @throws {ProxyError} `bad_config`
   */
  async prepare(config: AdminConfig | undefined): Promise<Staged> {
    const access = config === undefined ? NO_ACCESS : await accessRules(config);
    const before = this.#config?.listen;
    const stays = config !== undefined && before !== undefined &&
      formatAddress(config.listen) === formatAddress(before);
    if (config !== undefined && before !== undefined && !stays && overlap(config.listen, before)) {
      throw cannotListenBeside(config.listen, before);
    }
    const fresh = config === undefined || stays ? undefined : this.#listen(config.listen, access);
    return {
      commit: () => {
        this.#config = config;
        if (stays) return this.#listening?.access.replace(access);
        this.#listening?.close();
        this.#listening = fresh;
      },
      drop: () => void fresh?.close(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reserved[Symbol.dispose]();
    await this.#listening?.close();
  }

  /** @param rules its own: it is there before its configuration is in force */
  #listen(address: Address, rules: AccessRules): Listening {
    const access = new Live(rules);
    const stream = new EventStream();
    const history = new History(() => this.#monitor.totals);
    const actions = this.#actions(stream, history);
    const every = setInterval(() => void this.#tick(stream, history), 1000);
    try {
      const server = new AdminServer({
        address,
        handle: (request) => serveAdmin(request, { access: access.current, actions }),
        makeRoom: () => this.#reserved.give(),
      });
      return {
        access,
        address: server.address,
        async close() {
          clearInterval(every);
          stream.close();
          await server.close();
        },
      };
    } catch (error) {
      clearInterval(every);
      const before = this.#config?.listen;
      if (before !== undefined && mayOverlap(address, before)) {
        throw cannotListenBeside(address, before);
      }
      const twin = this.#target.loaded.config.listeners
        .find(({ listen }) => mayOverlap(address, listen));
      throw twin === undefined
        ? cannotListen(address, error)
        : cannotListenTwice(address, twin.listen);
    }
  }

  async #tick(stream: EventStream, history: History): Promise<void> {
    await this.#target.refresh({ metrics: false });
    const status = this.#monitor.status(this.#target);
    const sample = history.sample(new Date(), status);
    if (stream.readers === 0) return;
    stream.send("second", { sample, status, recent: this.#monitor.recent.lines });
  }

  #actions(stream: EventStream, history: History): AdminActions {
    const [monitor, target] = [this.#monitor, this.#target];
    return {
      unready: () =>
        target.draining
          ? "draining"
          : target.accepting
          ? undefined
          : "a listener cannot accept connections",
      status: async () => {
        await target.refresh({ metrics: false });
        return monitor.status(target);
      },
      metrics: async () => {
        await target.refresh({ metrics: true });
        return monitor.metrics(target);
      },
      events: async () => {
        await target.refresh({ metrics: false });
        const status = monitor.status(target);
        const data = { history: history.samples, status, recent: monitor.recent.lines };
        return stream.open({ event: "history", data });
      },
      reload: async () => {
        await target.reload();
        const { taken = false, details = [] } = monitor.lastReload ?? {};
        return { taken, details };
      },
      drain: async (named, drained) => {
        if (!await target.setDrained(named, drained)) return "no_such_server";
        if (drained) return "done";
        const stays = target.servers().some(({ backend, name, drains }) =>
          drains && backend === named.backend && name === named.server
        );
        return stays ? "drains_by_configuration" : "done";
      },
    };
  }
}

interface Listening {
  readonly address: Address;
  /** Who may do what there. */
  readonly access: Live<AccessRules>;
  close(): Promise<void>;
}

const NO_ACCESS: AccessRules = { token: undefined, hosts: [] };

async function accessRules({ tokenFile, hosts }: AdminConfig): Promise<AccessRules> {
  return { token: tokenFile === undefined ? undefined : await readToken(tokenFile), hosts };
}
