import { messageOf, ProxyError } from "../core/errors.ts";
import type { Observer } from "../core/event.ts";
import { giveUpFfi } from "../ports/system_library.ts";
import { openSslUnavailable } from "../tls/openssl/library.ts";
import { HANG_MS, Heartbeats } from "./heartbeats.ts";
import type { ControlProcedures } from "./messages.ts";
import { Patience } from "./patience.ts";
import type { PortGroups } from "./port_groups.ts";
import { WorkerThread } from "./worker_thread.ts";

export interface WorkerPoolOptions {
  /** How many workers serve. */
  readonly size: number;
  /** The URL of the program, which each worker runs as well. */
  readonly program: string;
  readonly ports: PortGroups;
  /** Whether a worker's sockets can be taken from it where it hangs. */
  readonly canSilence: boolean;
  /** What a thread may ask for. */
  readonly control: (thread: WorkerThread) => ControlProcedures;
  /** Has a thread serve as the worker that it is now. */
  readonly start: (worker: WorkerThread, beats: SharedArrayBuffer) => StartingWorker;
  /** Called when the first of them is about to listen: there may be clients from then on. */
  readonly onListening: () => void;
  /** A worker is no more, or was not started after all. */
  readonly onLost: (index: number) => void;
  /** For workers that die. */
  readonly observe: Observer;
}

/** A worker from its start until it serves. */
export interface StartingWorker {
  /** Settles when it listens. */
  readonly listening: Promise<unknown>;
  /** Called once it is one of those that serve: tells it what has changed meanwhile. */
  readonly catchUp: () => Promise<void>;
}

/** Milliseconds for which none of the workers that start may make progress. */
const START_MS = 30_000;
/** Milliseconds before a worker that died is started again, where it had lived for less. */
const RESTART_MS = 1000;

/** Threads beyond those that serve, to take the place of one that dies. */
const SPARES = 1;

/** Has as many threads serve as there are to be, and sees that it stays so. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  #serving: readonly WorkerThread[] = [];
  /** Those that have opened the libraries and do not serve yet. */
  #spares: readonly WorkerThread[] = [];
  /** Those that are to serve and do not listen yet. */
  #starting: readonly WorkerThread[] = [];
  /** Whether workers call a library that no thread can open any more once all have started. */
  readonly #callsLibrary = openSslUnavailable() === undefined;
  readonly #hearts: Heartbeats;
  readonly #patience = new Patience(START_MS);
  #died = 0;
  #lostSocket = false;
  #ended = false;
  readonly #allDead = Promise.withResolvers<void>();

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#hearts = new Heartbeats(options.size);
  }

  /** Those that serve now. */
  get serving(): readonly WorkerThread[] {
    return this.#serving;
  }

  /** How many have died. */
  get died(): number {
    return this.#died;
  }

  /** Whether connections go on coming to a worker that hangs. */
  get lostSocket(): boolean {
    return this.#lostSocket;
  }

  /** Settles when the last worker has died and none can take its place: nobody serves any more. */
  get allDead(): Promise<void> {
    return this.#allDead.promise;
  }

  /**
   * First all threads, with what they call, then each to listen and serve. The permission to open
   * libraries is given up in between.
   *
   * @throws {ProxyError} `bad_config` or `unavailable`, one clear line; `draining` where it was asked
   *   to begin no more before any listened; then `end` is to be called
   */
  async start(): Promise<void> {
    const { size, onListening } = this.#options;
    await byProcessors(this.#callsLibrary ? size + SPARES : size, (number) => this.#load(number));
    if (this.#ended) throw new ProxyError("draining", "The proxy is stopping");
    giveUpFfi();
    onListening();
    const threads = this.#spares.slice(0, size);
    this.#spares = this.#spares.slice(size);
    await byProcessors(size, async (index) => {
      const thread = threads[index];
      if (thread !== undefined && !this.#ended) await this.#start(thread, index);
    });
  }

  /** No worker begins any more; those that are about to serve may have clients by now, and go on. */
  beginNoMore(): void {
    this.#ended = true;
  }

  /** No worker is replaced any more: one that is about to serve would go on while the others drain. */
  stopReplacing(): void {
    this.beginNoMore();
    for (const thread of this.#starting) thread.end();
  }

  /** Ends all threads. */
  end(): void {
    this.stopReplacing();
    this.#hearts[Symbol.dispose]();
    for (const thread of [...this.#serving, ...this.#spares]) thread.end();
  }

  /** One more spare. */
  async #load(number: number): Promise<void> {
    if (this.#ended) return;
    const thread = this.#newThread(number);
    this.#spares = [...this.#spares, thread];
    await this.#patience.wait(thread.channel.call("load", undefined), "a worker did not load");
  }

  /** A thread that runs the program and does nothing yet. */
  #newThread(number: number): WorkerThread {
    const { program, control } = this.#options;
    return new WorkerThread({
      ...{ program, control },
      name: `worker ${number}`,
      onSign: (thread) => {
        if (!this.#serving.includes(thread)) this.#patience.progress();
      },
      onDeath: (thread, why) => this.#onDeath(thread, why),
    });
  }

  async #start(worker: WorkerThread, index: number): Promise<void> {
    worker.serveAs(index);
    this.#starting = [...this.#starting, worker];
    let serves = false;
    try {
      const { listening, catchUp } = this.#options.start(worker, this.#hearts.memory);
      await this.#patience.wait(listening, `worker ${index} did not start`);
      this.#starting = this.#starting.filter((starting) => starting !== worker);
      this.#serving = [...this.#serving, worker];
      serves = true;
      this.#watch(worker);
      await catchUp();
    } catch (error) {
      // one that has died since it serves is being replaced
      if (serves && !this.#serving.includes(worker)) return;
      this.#starting = this.#starting.filter((starting) => starting !== worker);
      this.#serving = this.#serving.filter((serving) => serving !== worker);
      this.#hearts.forget(index);
      worker.end();
      this.#options.onLost(index);
      throw error;
    }
  }

  /** Sees that it goes on. */
  #watch(worker: WorkerThread): void {
    const { index } = worker;
    const { ports, canSilence } = this.#options;
    this.#hearts.watch(index, {
      quiet: () => ports.avoid(index, true),
      back: () => ports.avoid(index, false),
      hangs: () => {
        this.#lostSocket ||= !canSilence;
        worker.kill(`worker ${index} hangs: no sign of life for ${HANG_MS / 1000} s`);
      },
    });
  }

  /** One that dies while it starts fails to start. */
  #onDeath(thread: WorkerThread, why: ProxyError): void {
    this.#spares = this.#spares.filter((spare) => spare !== thread);
    if (this.#serving.includes(thread)) void this.#replace(thread, why);
  }

  /** What a worker had is gone with it; another takes its place. */
  async #replace(dead: WorkerThread, why: ProxyError): Promise<void> {
    const { index } = dead;
    const { onLost, observe } = this.#options;
    this.#serving = this.#serving.filter((worker) => worker !== dead);
    this.#hearts.forget(index);
    onLost(index);
    let reason = why.message;
    let wait = performance.now() - dead.began < RESTART_MS;
    for (;;) {
      // one that dies before it serves, too
      this.#died++;
      const next = this.#callsLibrary ? this.#takeSpare() : this.#newThread(index);
      const then = this.#whatFollows(next);
      observe({ kind: "worker_died", worker: index, reason: `${reason}${then}` });
      if (next === undefined) {
        if (this.#serving.length === 0) this.#allDead.resolve();
        return;
      }
      if (wait) await new Promise((resolve) => setTimeout(resolve, RESTART_MS));
      if (this.#ended) return next.end();
      try {
        return await this.#start(next, index);
      } catch (error) {
        if (this.#ended) return;
        reason = messageOf(error);
        wait = true;
      }
    }
  }

  #takeSpare(): WorkerThread | undefined {
    const spare = this.#spares.at(-1);
    this.#spares = this.#spares.slice(0, -1);
    return spare;
  }

  /** A thread made now could not open the libraries: the permission has been given up. */
  #whatFollows(next: WorkerThread | undefined): string {
    if (next === undefined) return "; no spare is left to take its place: restart the proxy";
    if (!this.#callsLibrary || this.#spares.length > 0) return "";
    return "; the spare takes its place, and for the next that dies there is none until a restart";
  }
}

/** As many at a time as there are processors: so on a slow machine some are done soon. */
async function byProcessors(
  count: number,
  task: (number: number) => Promise<void>,
): Promise<void> {
  const numbers = Array.from({ length: count }, (_, number) => number).values();
  await Promise.all(Array.from({ length: navigator.hardwareConcurrency }, async () => {
    for (const number of numbers) await task(number);
  }));
}
