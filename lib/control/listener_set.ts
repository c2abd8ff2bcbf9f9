import type { LiveCertificateStore } from "../certificates/certificate_store.ts";
import type { Config, ListenerConfig, Mode } from "../config/config.ts";
import { type Address, formatAddress, mayOverlap, overlap } from "../core/address.ts";
import { Roster } from "../core/roster.ts";
import type { Staged } from "../core/staged.ts";
import { within } from "../io/within.ts";
import { cannotListenBeside, cannotListenTwice } from "../ports/shared_port.ts";
import type { Listener } from "../ports/listener.ts";
import type { EngineName } from "../tls/engine.ts";
import { alpnOf, engineOf } from "./listener_engine.ts";
import { certificateStore, type LoadedConfig } from "./snapshot.ts";

/** A listener that is up. */
export interface RunningListener {
  readonly address: Address;
  readonly mode: Mode | "redirect";
  /** Undefined where there is no TLS. */
  readonly engine: EngineName | undefined;
  /** Why this engine, for a person. */
  readonly engineReason: string;
}

/** A listener that is open, and what it was opened for. */
export interface OpenListener {
  readonly listener: Listener;
  readonly running: RunningListener;
  /** Where it was to listen: a name, or port 0, is not what it runs on. */
  readonly listen: Address;
  /** Its own, so that what it gives can be replaced when it is its turn. */
  readonly certificates: LiveCertificateStore | undefined;
}

/** How a listener is opened. */
export interface OpeningTerms {
  /** Whether it takes the place of a listener that still has the address. */
  readonly beside: boolean;
  /** Settles when it may begin to accept, with whether it is to; undefined for at once. */
  readonly begins: Promise<boolean> | undefined;
}

/** Has something listen and serve. */
export type OpensListener = (
  config: ListenerConfig,
  loaded: LoadedConfig,
  terms: OpeningTerms,
) => Promise<OpenListener>;

/** Milliseconds for which an old listener shares an address with the one that replaces it. */
const OVERLAP_MS = 200;

/** The listeners of this thread, from one configuration to the next. */
export class ListenerSet {
  readonly #openOne: OpensListener;
  /** What is in force. */
  #loaded: LoadedConfig;
  /** By what they were configured as. */
  #open: ReadonlyMap<string, OpenListener> = new Map();
  /** Those of before that somebody may still be amid a handshake with. */
  readonly #leaving = new Roster<Listener>();

  constructor(loaded: LoadedConfig, openOne: OpensListener) {
    this.#loaded = loaded;
    this.#openOne = openOne;
  }

  get running(): readonly RunningListener[] {
    return [...this.#open.values()].map(({ running }) => running);
  }

  /** Opens those of the configuration that is in force. */
  async open(): Promise<void> {
    this.#open = await this.#openAll(this.#loaded);
  }

  /**
   * Opens those that are new in a configuration, and has those that stay give its certificates.
   *
   * @throws {ProxyError} `bad_config` or `unavailable`; all is as it was
   */
  async stage(next: LoadedConfig): Promise<Staged> {
    // who comes to an address that is new is to meet what is asked there, and nothing of before
    const begins = Promise.withResolvers<boolean>();
    const drop = async (open: ReadonlyMap<string, OpenListener>) => {
      begins.resolve(false);
      await this.#giveUp(open);
    };
    const open = await this.#openAll(next, begins);
    try {
      await give(this.#kept(open), next);
    } catch (error) {
      await drop(open);
      throw error;
    }
    return {
      commit: async () => {
        begins.resolve(true);
        const gone = [...this.#open].filter(([key]) => !open.has(key)).map(([, old]) => old);
        this.#open = open;
        this.#loaded = next;
        await this.#retire(gone);
      },
      drop: () => drop(open),
    };
  }

  /** Nothing is accepted any more; who is amid a handshake may finish it. */
  async close(): Promise<void> {
    await Promise.all(this.#current.map((listener) => listener.close()));
  }

  /** Settles once nobody is amid a handshake; after so many milliseconds who still is, is cut. */
  async arrived(timeoutMs: number): Promise<void> {
    const listeners = [...this.#current, ...this.#leaving.values()];
    const all = Promise.all(listeners.map((listener) => listener.arrived()));
    await within(all, timeoutMs, () => {});
    for (const listener of listeners) listener.cutArriving();
  }

  get #current(): readonly Listener[] {
    return [...this.#open.values()].map(({ listener }) => listener);
  }

  /** All listeners of a configuration; those that are open already as they are. */
  async #openAll(
    loaded: LoadedConfig,
    begins?: PromiseWithResolvers<boolean>,
  ): Promise<ReadonlyMap<string, OpenListener>> {
    const open = new Map<string, OpenListener>();
    try {
      for (const config of loaded.config.listeners) {
        const key = listenerKey(config, { config: loaded.config, taken: open });
        open.set(
          key,
          this.#open.get(key) ??
            await this.#openFresh(config, { loaded, begins: begins?.promise, fresh: open }),
        );
      }
      return open;
    } catch (error) {
      begins?.resolve(false);
      await this.#closeFresh(open);
      throw error;
    }
  }

  async #openFresh(
    config: ListenerConfig,
    { loaded, begins, fresh }: {
      loaded: LoadedConfig;
      begins: Promise<boolean> | undefined;
      /** What has been opened ahead of it. */
      fresh: ReadonlyMap<string, OpenListener>;
    },
  ): Promise<OpenListener> {
    const open = [...this.#open.values()];
    const replaced = open.filter((one) => isAt([one], config.listen));
    const other = open.find(({ listen }) => overlap(listen, config.listen));
    if (replaced.length === 0 && other !== undefined) {
      throw cannotListenBeside(config.listen, other.listen);
    }
    await Promise.all(replaced.map(({ listener }) => listener.settle()));
    const beside = replaced.length > 0;
    try {
      return await this.#openOne(config, loaded, { beside, begins: beside ? undefined : begins });
    } catch (error) {
      if (beside) throw error;
      // to the system it is in use, by whomever
      const isOne = ({ listen }: OpenListener) => mayOverlap(listen, config.listen);
      const twin = fresh.values().find(isOne);
      if (twin !== undefined) throw cannotListenTwice(config.listen, twin.listen);
      const own = open.find(isOne);
      throw own === undefined ? error : cannotListenBeside(config.listen, own.listen);
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

  /** Closes those that the configuration in force does not have. */
  async #closeFresh(open: ReadonlyMap<string, OpenListener>): Promise<void> {
    const fresh = [...open].filter(([key]) => !this.#open.has(key));
    await Promise.all(fresh.map(([, { listener }]) => listener.close()));
  }

  /** Closes listeners; those whose address another has taken over, once that one gets it all. */
  async #retire(gone: readonly OpenListener[]): Promise<void> {
    const leaving = gone.map(({ listener }) => this.#leaving.add(listener));
    if (gone.some(({ listen }) => isAt(this.#open.values(), listen))) {
      await new Promise((resolve) => setTimeout(resolve, OVERLAP_MS));
    }
    await Promise.all(gone.map(({ listener }) => listener.close()));
    for (const entry of leaving) {
      void entry.value.arrived().then(() => this.#leaving.remove(entry));
    }
  }
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
