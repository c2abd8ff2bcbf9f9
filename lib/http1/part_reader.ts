import type { ByteSource } from "../core/connection.ts";
import type { ProxyError } from "../core/errors.ts";
import type { FailurePart } from "./request_decoder.ts";

/** Cuts bytes into parts, without I/O: the decoders, and what stands on them. */
export interface PartDecoder<Part> {
  feed(bytes: Uint8Array): (Part | FailurePart)[];
  /** The bytes have ended. */
  end(): (Part | FailurePart)[];
}

export interface PartReaderOptions {
  /**
   * Has the next chunk read while the parts of the last one are worked on, so that a peer that
   * breaks off meanwhile is noticed: called then with the reason.
   */
  readonly onBreak?: (reason: unknown) => void;
}

/**
 * Reads a connection's bytes as parts, one by one; a `failure` among them is thrown. This is the
 * hot path: it calls the decoder directly, where a pair of streams in between would cost as much as
 * all the rest of a small request.
 */
export class PartReader<Part extends { readonly kind: string }> {
  readonly #source: ByteSource;
  readonly #decoder: PartDecoder<Part>;
  readonly #onBreak: ((reason: unknown) => void) | undefined;
  #batch: (Part | FailurePart)[] = [];
  #at = 0;
  #ahead: Promise<Uint8Array | undefined> | undefined;
  #ended = false;

  constructor(
    source: ByteSource,
    decoder: PartDecoder<Part>,
    { onBreak }: PartReaderOptions = {},
  ) {
    this.#source = source;
    this.#decoder = decoder;
    this.#onBreak = onBreak;
  }

  /** Whether the next part is at hand, without waiting for the peer. */
  get buffered(): boolean {
    return this.#at < this.#batch.length;
  }

  /**
   * The next part, or undefined at the end.
   *
   * @throws {ProxyError} a `failure` part's error, or the connection's
   */
  async next(): Promise<Part | undefined> {
    while (this.#at === this.#batch.length) {
      if (this.#ended) return undefined;
      const read = this.#ahead ?? this.#source.read();
      this.#ahead = undefined;
      this.#decode(await read);
    }
    const part = this.#batch[this.#at++] as Part | FailurePart;
    // an idle connection keeps nothing of its last request
    if (this.#at === this.#batch.length) this.#forget();
    if (isFailure(part)) throw part.error satisfies ProxyError;
    return part;
  }

  /**
   * Asks for input before anybody needs it, and settles when some has come or the peer is gone: on
   * an idle connection either means that it is of no more use.
   */
  async readAhead(): Promise<void> {
    this.#ahead ??= this.#source.read();
    try {
      await this.#ahead;
    } catch {
      // the same error waits for whoever reads next
    }
  }

  #forget(): void {
    this.#batch = [];
    this.#at = 0;
  }

  #decode(bytes: Uint8Array | undefined): void {
    this.#at = 0;
    if (bytes === undefined) {
      this.#ended = true;
      this.#batch = this.#decoder.end();
      return;
    }
    this.#batch = this.#decoder.feed(bytes);
    if (this.#onBreak !== undefined) {
      this.#ahead = this.#source.read();
      this.#ahead.catch(this.#onBreak);
    }
  }
}

function isFailure<Part extends { readonly kind: string }>(
  part: Part | FailurePart,
): part is FailurePart {
  return part.kind === "failure";
}
