import { asProxyError, type ErrorCode, ProxyError } from "../core/errors.ts";

/** What one end may ask of the other, by name: each takes one value, and may take its time. */
export type Procedures<T> = { readonly [K in keyof T]: (argument: never) => unknown };

/** As much of a worker, or of its inside, as it takes to send and receive. */
export interface MessageEnd {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
}

type Argument<F> = F extends (argument: infer A) => unknown ? A : never;
type Result<F> = F extends (argument: never) => infer R ? Awaited<R> : never;

type Message =
  | {
    readonly kind: "call";
    readonly id: number;
    readonly name: string;
    readonly argument: unknown;
  }
  | { readonly kind: "tell"; readonly name: string; readonly argument: unknown }
  | { readonly kind: "result"; readonly id: number; readonly value: unknown }
  | {
    readonly kind: "failure";
    readonly id: number;
    readonly code: ErrorCode;
    readonly message: string;
  };

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Calls between two threads. What the other end throws is thrown here as a `ProxyError` of the same
 * code; values are copied as the structured clone algorithm does it (HTML, section 2.7).
 */
export class Channel<Theirs extends Procedures<Theirs>> {
  readonly #end: MessageEnd;
  readonly #pending = new Map<number, Pending>();
  #ids = 0;
  #closed: ProxyError | undefined;

  constructor(end: MessageEnd, ours: object) {
    this.#end = end;
    const procedures = ours as Readonly<Record<string, (argument: unknown) => unknown>>;
    end.addEventListener("message", ({ data }: MessageEvent<Message>) => {
      void this.#receive(data, procedures);
    });
  }

  /** @throws {ProxyError} what the other end threw, or why the channel was closed */
  call<K extends keyof Theirs & string>(
    name: K,
    argument: Argument<Theirs[K]>,
    transfer: Transferable[] = [],
  ): Promise<Result<Theirs[K]>> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const id = this.#ids++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { resolve, reject });
    this.#send({ kind: "call", id, name, argument }, transfer);
    return promise as Promise<Result<Theirs[K]>>;
  }

  /** The same where nobody waits for an answer. */
  tell<K extends keyof Theirs & string>(name: K, argument: Argument<Theirs[K]>): void {
    if (this.#closed === undefined) this.#send({ kind: "tell", name, argument });
  }

  /** The other end is gone: whatever waits for it fails. */
  close(why: ProxyError): void {
    this.#closed = why;
    for (const { reject } of this.#pending.values()) reject(why);
    this.#pending.clear();
  }

  async #receive(
    message: Message,
    ours: Readonly<Record<string, (argument: unknown) => unknown>>,
  ): Promise<void> {
    switch (message.kind) {
      case "tell":
        ours[message.name]?.(message.argument);
        return;
      case "call": {
        const { id, name, argument } = message;
        try {
          this.#send({ kind: "result", id, value: await ours[name]?.(argument) });
        } catch (error) {
          const { code, message } = asProxyError(error, "internal");
          this.#send({ kind: "failure", id, code, message });
        }
        return;
      }
      case "result":
        return this.#settle(message.id, ({ resolve }) => resolve(message.value));
      case "failure":
        return this.#settle(
          message.id,
          ({ reject }) => reject(new ProxyError(message.code, message.message)),
        );
    }
  }

  #settle(id: number, settle: (pending: Pending) => void): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (pending !== undefined) settle(pending);
  }

  #send(message: Message, transfer: Transferable[] = []): void {
    if (this.#closed === undefined) this.#end.postMessage(message, transfer);
  }
}
