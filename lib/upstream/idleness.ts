import type { Deadline } from "../io/deadlines.ts";
import type { PartReader } from "../http1/part_reader.ts";
import type { ResponsePart } from "../http1/response_decoder.ts";

/** Watches one connection each time it is idle; one object for all of them, as they come in turn. */
export class Idleness implements Disposable {
  readonly #deadline: Deadline;
  readonly #onOver: () => void;
  #idle = false;

  /** @param onOver called when it is of no more use: too old, closed or sent bytes on, unasked */
  constructor(deadline: Deadline, onOver: () => void) {
    this.#deadline = deadline;
    this.#onOver = onOver;
  }

  /** @param ms it may be idle */
  begin(responses: PartReader<ResponsePart>, ms: number): void {
    this.#idle = true;
    this.#deadline.arm(ms, this.#over);
    if (!responses.watch(this.#over, this.#over)) this.#over();
  }

  /** It is used again. */
  end(): void {
    this.#idle = false;
    this.#deadline.disarm();
  }

  [Symbol.dispose](): void {
    this.#idle = false;
    this.#deadline[Symbol.dispose]();
  }

  /** What is read ahead is often the next answer, and no news. */
  readonly #over = (): void => {
    if (this.#idle) this.#onOver();
  };
}
