import type { Calm } from "./chaos_load.ts";
import { type ChaosServer, NOTICED } from "./chaos_server.ts";
import { eventually, pause } from "./deadline.ts";

/** Where it shows what a proxy knows of its servers. */
export interface ServerStates {
  /** Whether a server, by its address, is known to be down. */
  isDown(address: string): Promise<boolean>;
}

export interface TroubleOptions {
  readonly servers: readonly ChaosServer[];
  /** All that send requests to them. */
  readonly proxies: readonly ServerStates[];
  readonly calm: Calm;
  /** Milliseconds until all workers of a proxy know what it tells; nothing shows when they do. */
  readonly spread: number;
  /** Decides what happens: a number from 0 up to, and without, 1. */
  readonly random: () => number;
}

/** How many servers may be faulty at once. */
const MOST_FAULTY = 2;

/** Makes servers fail and be well again, and sees that proxies notice. */
export class Trouble {
  /** What has happened, in order. */
  readonly changes: string[] = [];
  /** Milliseconds from a fault to its detection, at the most. */
  slowestDetection = 0;
  readonly #options: TroubleOptions;

  constructor(options: TroubleOptions) {
    this.#options = options;
  }

  /** Has a server fail, or be well again. The calm is over until that is known. */
  async next(): Promise<void> {
    const { servers, calm, spread, random } = this.#options;
    const faulty = servers.filter(({ fault }) => fault !== undefined);
    const heals = faulty.length === MOST_FAULTY || (faulty.length === 1 && random() < 0.4);
    const server = this.#pick(heals ? faulty : servers.filter((one) => !faulty.includes(one)));
    calm.end();
    await (heals ? this.#heal(server) : this.#begin(server));
    await pause(spread);
    calm.begin();
  }

  async #begin(server: ChaosServer): Promise<void> {
    const fault = this.#pick(server.program.faults);
    this.changes.push(`${server.address} ${fault}`);
    const started = performance.now();
    await server.begin(fault);
    if (!NOTICED.has(fault)) return;
    await this.#known(server, true);
    this.slowestDetection = Math.max(this.slowestDetection, performance.now() - started);
  }

  async #heal(server: ChaosServer): Promise<void> {
    this.changes.push(`${server.address} is well`);
    await server.heal();
    await this.#known(server, false);
  }

  /** Waits until every proxy knows whether a server is down. */
  async #known({ address }: ChaosServer, isDown: boolean): Promise<void> {
    await Promise.all(this.#options.proxies.map((proxy) =>
      eventually(
        async () => await proxy.isDown(address) === isDown || undefined,
        `${address} to be ${isDown ? "down" : "up"}; ${this.changes.slice(-5).join(", ")}`,
      )
    ));
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#options.random() * from.length)] as T;
  }
}

/** Numbers that the seed decides (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}
