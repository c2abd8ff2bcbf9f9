import { messageOf, ProxyError } from "../core/errors.ts";
import { Channel } from "./channel.ts";
import type { ControlProcedures, WorkerProcedures } from "./messages.ts";

export interface WorkerThreadOptions {
  /** The URL of the program, which finds that it is a worker. */
  readonly program: string;
  /** What the thread is called in the system's tools. */
  readonly name: string;
  readonly control: (thread: WorkerThread) => ControlProcedures;
  /** Called for everything that comes from it. */
  readonly onSign: (thread: WorkerThread) => void;
  /** Called once, when it ends by itself or is killed, with the reason. */
  readonly onDeath: (thread: WorkerThread, why: ProxyError) => void;
}

/** A thread as the control plane has it: a spare, then one of the workers, until its end. */
export class WorkerThread {
  readonly channel: Channel<WorkerProcedures>;
  readonly #worker: Worker;
  readonly #onDeath: WorkerThreadOptions["onDeath"];
  #index: number | undefined;
  #began = 0;
  #over = false;

  constructor({ program, name, control, onSign, onDeath }: WorkerThreadOptions) {
    this.#onDeath = onDeath;
    this.#worker = new Worker(program, { type: "module", name });
    this.channel = new Channel<WorkerProcedures>(this.#worker, control(this));
    this.#worker.addEventListener("message", () => onSign(this));
    this.#worker.addEventListener("error", (event) => {
      // else it would end the whole process
      event.preventDefault();
      this.#die(`${this.#name} died: ${event.message || messageOf(event.error)}`);
    });
  }

  /** Which of the workers it is, from 0. */
  get index(): number {
    if (this.#index === undefined) {
      throw new ProxyError("internal", "A spare thread does not serve");
    }
    return this.#index;
  }

  /** When it has begun to serve, on the clock of `performance.now()`. */
  get began(): number {
    return this.#began;
  }

  /** It is this one of the workers from now on. */
  serveAs(index: number): void {
    this.#index = index;
    this.#began = performance.now();
  }

  /** Ends it as if it had died: it is of no use any more. */
  kill(reason: string): void {
    if (this.#over) return;
    // a thread whose event loop does not turn goes on: the runtime cannot end it
    this.#worker.terminate();
    this.#die(reason);
  }

  /** Ends it now. */
  end(): void {
    this.#over = true;
    this.channel.close(new ProxyError("draining", "The worker was ended"));
    this.#worker.terminate();
  }

  #die(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    const why = new ProxyError("internal", reason);
    this.channel.close(why);
    this.#onDeath(this, why);
  }

  get #name(): string {
    return this.#index === undefined ? "a spare worker" : `worker ${this.#index}`;
  }
}
