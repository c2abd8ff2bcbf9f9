import type { ChaosClient } from "./chaos_clients.ts";
import { messageOf } from "../../lib/core/errors.ts";
import { pause } from "./deadline.ts";

/** When all that is wrong with servers is known to the proxy. */
export class Calm {
  #since: number | undefined;

  /** Something is about to happen to a server. */
  end(): void {
    this.#since = undefined;
  }

  begin(): void {
    this.#since = performance.now();
  }

  /** Whether it was calm from then, as `performance.now()` has it, up to now. */
  hasLasted(from: number): boolean {
    return this.#since !== undefined && from >= this.#since;
  }
}

/** Clients of one kind. */
export interface ClientKind {
  /** For reports. */
  readonly name: string;
  readonly count: number;
  /** Milliseconds between an answer and the next request. */
  readonly pause: number;
  connect(): Promise<ChaosClient>;
}

/** Requests of clients, one after another by each, and what became of them. */
export class Load {
  requests = 0;
  /** Milliseconds of the slowest request. */
  slowest = 0;
  /** How many failed while something about servers was not known yet, by whose and how. */
  readonly failed: Record<string, number> = {};
  /** Requests that failed in the calm. */
  readonly failedInCalm: string[] = [];
  /** Answers with 200 and the wrong body. */
  readonly wrong: string[] = [];
  readonly #calm: Calm;
  readonly #running: Promise<void>[] = [];
  #stopping = false;

  constructor(calm: Calm) {
    this.#calm = calm;
  }

  start(kind: ClientKind): void {
    for (let i = 0; i < kind.count; i++) this.#running.push(this.#run(kind));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#running);
  }

  /** Has a client ask once. */
  async ask(name: string, client: Pick<ChaosClient, "ask">): Promise<string> {
    const number = this.requests++;
    const started = performance.now();
    const outcome = await client.ask(number);
    const took = performance.now() - started;
    this.slowest = Math.max(this.slowest, took);
    if (outcome === "right") return outcome;
    const told = `request ${number} by ${name}: ${outcome} after ${took.toFixed(0)} ms`;
    if (outcome === "wrong") this.wrong.push(told);
    else if (this.#calm.hasLasted(started)) this.failedInCalm.push(told);
    else this.#excuse(`${name}: ${outcome}`);
    return outcome;
  }

  #excuse(failure: string): void {
    this.failed[failure] = (this.failed[failure] ?? 0) + 1;
  }

  /** A connection. The proxy takes them whatever is wrong with its servers. */
  async connect(
    name: string,
    connect: ClientKind["connect"],
  ): Promise<ChaosClient | undefined> {
    try {
      return await connect();
    } catch (error) {
      this.failedInCalm.push(`a connection of ${name}: ${messageOf(error)}`);
      return undefined;
    }
  }

  async #run({ name, pause: ms, connect }: ClientKind): Promise<void> {
    let client: ChaosClient | undefined;
    while (!this.#stopping) {
      client ??= await this.connect(name, connect);
      if (client !== undefined) await this.ask(name, client);
      if (client?.isOver) {
        client[Symbol.dispose]();
        client = undefined;
      }
      await pause(ms);
    }
    client?.[Symbol.dispose]();
  }
}
