import { ProxyError } from "../core/errors.ts";
import type { Deadline } from "../io/deadlines.ts";
import type { Backend } from "../upstream/backend.ts";

/** What a backend gives its servers time for. */
type ServerTimes = Pick<Backend, "name" | "responseTimeout" | "answerIdle">;

/** The clock on a server that is to answer, and then to go on with its answer. */
export class ServerClock implements Disposable {
  readonly #deadline: Deadline;
  readonly #onLate: (error: ProxyError) => void;
  #backend: ServerTimes = NO_TIMES;
  #isForBody = false;

  /** @param onLate called with `response_timeout`, or `truncated_response` behind an answer's head */
  constructor(deadline: Deadline, onLate: (error: ProxyError) => void) {
    this.#deadline = deadline;
    this.#onLate = onLate;
  }

  /** The server is to answer. */
  awaitAnswer(backend: ServerTimes): void {
    this.#backend = backend;
    this.#isForBody = false;
    this.#deadline.arm(backend.responseTimeout, this.#onNoAnswer);
  }

  /** The server is to go on with its answer. */
  awaitBody(backend: ServerTimes): void {
    this.#backend = backend;
    this.#isForBody = true;
    this.#deadline.arm(backend.answerIdle, this.#onStandstill);
  }

  /** The server has taken some of the request behind its answer's head: it is at work. */
  tookMore(): void {
    if (this.#isForBody) this.awaitBody(this.#backend);
  }

  stop(): void {
    this.#isForBody = false;
    this.#deadline.disarm();
  }

  [Symbol.dispose](): void {
    this.#deadline[Symbol.dispose]();
  }

  readonly #onNoAnswer = (): void => {
    const message = `The server did not answer within ${this.#backend.responseTimeout / 1000} s`;
    this.#onLate(new ProxyError("response_timeout", message));
  };

  readonly #onStandstill = (): void => {
    const { answerIdle: ms, name } = this.#backend;
    const stood = `The server's answer stood still for ${ms / 1000} s`;
    const message = `${stood}; backends.${name}.timeouts.idle sets how long may be`;
    this.#onLate(new ProxyError("truncated_response", message));
  };
}

const NO_TIMES: ServerTimes = { name: "", responseTimeout: 0, answerIdle: 0 };
