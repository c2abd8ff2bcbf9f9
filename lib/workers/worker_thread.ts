import { messageOf, ProxyError } from "../core/errors.ts";
import { Channel } from "./channel.ts";
import type { ControlProcedures, WorkerProcedures } from "./messages.ts";

/** A worker as the control plane has it, from its start to its end. */
export class WorkerThread {
  readonly index: number;
  readonly channel: Channel<WorkerProcedures>;
  readonly #worker: Worker;
  readonly #onDeath: (why: ProxyError) => void;
  #over = false;

  /**
   * @param program the URL of the program, which finds that it is a worker
   * @param onSign called for everything that comes from it
   * @param onDeath called once, when it ends by itself or is killed, with the reason
   */
  constructor(
    index: number,
    { program, control, onSign, onDeath }: {
      program: string;
      control: ControlProcedures;
      onSign: () => void;
      onDeath: (why: ProxyError) => void;
    },
  ) {
    this.index = index;
    this.#onDeath = onDeath;
    this.#worker = new Worker(program, { type: "module", name: `worker ${index}` });
    this.channel = new Channel<WorkerProcedures>(this.#worker, control);
    this.#worker.addEventListener("message", onSign);
    this.#worker.addEventListener("error", (event) => {
      // else it would end the whole process
      event.preventDefault();
      if (this.#over) return;
      this.#over = true;
      const why = new ProxyError(
        "internal",
        `worker ${index} died: ${event.message || messageOf(event.error)}`,
      );
      this.channel.close(why);
      onDeath(why);
    });
  }

  /** Ends it as if it had died: it is of no use any more. */
  kill(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    const why = new ProxyError("internal", reason);
    this.channel.close(why);
    // a thread whose event loop does not turn goes on: the runtime cannot end it
    this.#worker.terminate();
    this.#onDeath(why);
  }

  /** Ends it now. */
  end(): void {
    this.#over = true;
    this.channel.close(new ProxyError("draining", "The worker was ended"));
    this.#worker.terminate();
  }
}
