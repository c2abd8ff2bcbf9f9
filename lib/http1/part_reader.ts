import type { ProxyError } from "../core/errors.ts";
import type { FailurePart } from "./request_decoder.ts";

/** Reads the parts of a decoder's stream one by one; a `failure` among them is thrown. */
export class PartReader<Part extends { readonly kind: string }> {
  readonly #reader: ReadableStreamDefaultReader<(Part | FailurePart)[]>;
  #batch: (Part | FailurePart)[] = [];
  #at = 0;
  #ahead: Promise<ReadableStreamReadResult<(Part | FailurePart)[]>> | undefined;

  constructor(stream: ReadableStream<(Part | FailurePart)[]>) {
    this.#reader = stream.getReader();
    this.#reader.closed.catch(() => {});
  }

  /** Whether the next part is at hand, without waiting for the peer. */
  get buffered(): boolean {
    return this.#at < this.#batch.length;
  }

  /** Settles when the stream is over: resolves at its end, rejects with its error. */
  get closed(): Promise<void> {
    return this.#reader.closed;
  }

  /**
   * The next part, or undefined at the end.
   *
   * @throws {ProxyError} a `failure` part's error, or the connection's
   */
  async next(): Promise<Part | undefined> {
    while (this.#at === this.#batch.length) {
      const read = this.#ahead ?? this.#reader.read();
      this.#ahead = undefined;
      const { done, value } = await read;
      if (done) return undefined;
      this.#batch = value;
      this.#at = 0;
    }
    const part = this.#batch[this.#at++] as Part | FailurePart;
    if (isFailure(part)) throw part.error satisfies ProxyError;
    return part;
  }

  /**
   * Asks for input before anybody needs it, and settles when some has come or the stream is over:
   * on an idle connection either means that it is of no more use.
   */
  async readAhead(): Promise<void> {
    this.#ahead ??= this.#reader.read();
    try {
      await this.#ahead;
    } catch {
      // the same error waits for whoever reads next
    }
  }
}

function isFailure<Part extends { readonly kind: string }>(
  part: Part | FailurePart,
): part is FailurePart {
  return part.kind === "failure";
}
