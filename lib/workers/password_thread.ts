import { messageOf, ProxyError } from "../core/errors.ts";
import { Channel, type MessageEnd } from "./channel.ts";
import { PASSWORD_THREAD } from "./thread_role.ts";

/** What the thread for passwords does. */
export interface PasswordProcedures {
  /** Has all at hand that a check takes. */
  load(nothing: undefined): Promise<void>;
  /** Whether a password is that of a bcrypt hash. */
  check(question: PasswordQuestion): Promise<boolean>;
}

/** Whether a password is that of a bcrypt hash. */
export interface PasswordQuestion {
  readonly password: string;
  readonly hash: string;
}

/** What the thread does, from its start on. */
export function servePasswords(end: MessageEnd): void {
  const procedures: PasswordProcedures = {
    async load() {
      await import("bcryptjs");
    },
    async check({ password, hash }) {
      const { compare } = await import("bcryptjs");
      return await compare(password, hash);
    },
  };
  new Channel(end, procedures);
}

/**
 * A thread in which passwords are checked, so that what each takes of a core holds up no request. It
 * is started for the first one, where it was not before.
 */
export class PasswordThread implements Disposable {
  readonly #program: string;
  #channel: Channel<PasswordProcedures> | undefined;
  #worker: Worker | undefined;

  /** @param program the URL of the program, which finds what it is for by the thread's name */
  constructor(program: string) {
    this.#program = program;
  }

  /**
   * Starts it ahead of the first password: later the folder that the process was started in may be
   * gone, without which the runtime starts none.
   *
   * @throws {ProxyError} `unavailable` where it cannot be had
   */
  async load(): Promise<void> {
    try {
      await (this.#channel ?? this.#start()).call("load", undefined);
    } catch (error) {
      const [why] = messageOf(error).split("\n", 1);
      const message =
        `Cannot start a thread for passwords: ${why}; where the folder is gone that ` +
        "the proxy was started in, that takes a restart";
      throw new ProxyError("unavailable", message, { cause: error });
    }
  }

  /** @throws {ProxyError} `internal` where the thread has died */
  check(question: PasswordQuestion): Promise<boolean> {
    return (this.#channel ?? this.#start()).call("check", question);
  }

  [Symbol.dispose](): void {
    this.#channel?.close(new ProxyError("draining", "The proxy is stopping"));
    this.#worker?.terminate();
  }

  #start(): Channel<PasswordProcedures> {
    const worker = new Worker(this.#program, { type: "module", name: PASSWORD_THREAD });
    const channel = new Channel<PasswordProcedures>(worker, {});
    worker.addEventListener("error", (event) => {
      // else it would end the whole process
      event.preventDefault();
      channel.close(new ProxyError("internal", `The thread for passwords died: ${event.message}`));
      // the next password starts another
      if (this.#channel === channel) this.#channel = this.#worker = undefined;
    });
    this.#worker = worker;
    return this.#channel = channel;
  }
}
