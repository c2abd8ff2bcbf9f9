import type { ByteSource } from "../io/connection.ts";
import type { ProxyError } from "../core/errors.ts";
import type { FailurePart } from "./request_decoder.ts";

/** Cuts bytes into parts, without I/O: the decoders, and what stands on them. */
export interface PartDecoder<Part> {
  feed(bytes: Uint8Array): (Part | FailurePart)[];
  /** The bytes have ended. */
  end(): (Part | FailurePart)[];
}

/**
 * Reads a connection's bytes as parts, one by one; a `failure` among them is thrown. This is the
 * hot path: it calls the decoder directly, where a pair of streams in between would cost as much as
 * all the rest of a small request.
 */
export class PartReader<Part extends { readonly kind: string }> {
  readonly #source: ByteSource;
  readonly #decoder: PartDecoder<Part>;
  #batch: (Part | FailurePart)[] = NOTHING;
  #at = 0;
  #ahead: Promise<Uint8Array | undefined> | undefined;
  /** Whether somebody waits for input. */
  #reading = false;
  #ended = false;

  constructor(source: ByteSource, decoder: PartDecoder<Part>) {
    this.#source = source;
    this.#decoder = decoder;
  }

  /** Whether the next part is at hand, without waiting for the peer. */
  get buffered(): boolean {
    return this.#at < this.#batch.length;
  }

  /** Whether all that was read has been taken, and nothing is being read. */
  get empty(): boolean {
    return this.#at === this.#batch.length && this.#ahead === undefined;
  }

  /**
   * The next part where it is at hand: what `next` would give, without a promise.
   *
   * @throws {ProxyError} a `failure` part's error
   */
  take(): Part | undefined {
    if (this.#at === this.#batch.length) return undefined;
    const part = this.#batch[this.#at++] as Part | FailurePart;
    // an idle connection keeps nothing of its last request
    if (this.#at === this.#batch.length) this.#keep(NOTHING);
    if (isFailure(part)) throw part.error satisfies ProxyError;
    return part;
  }

  /**
   * The next part, or undefined at the end.
   *
   * @throws {ProxyError} a `failure` part's error, or the connection's
   */
  next(): Promise<Part | undefined> {
    if (this.buffered || this.#ended) return Promise.try(() => this.take());
    const read = this.#ahead ?? this.#source.read();
    this.#ahead = undefined;
    this.#reading = true;
    // an async function costs three times as much
    return read.then(this.#onRead, this.#onBreak);
  }

  /**
   * Asks for input before anybody needs it. One call tells when some has come or the peer is gone:
   * on an idle connection either means that it is of no more use, on one whose answer is awaited
   * the latter. The same input, or error, waits for whoever reads next.
   *
   * @returns false where somebody is waiting for input already; then nothing is called
   */
  watch(onInput: () => void, onBreak: (reason: unknown) => void): boolean {
    if (this.#reading || this.#ended) return false;
    if (this.#ahead === undefined) {
      this.#ahead = this.#source.read();
      this.#ahead.then(onInput, onBreak);
    }
    return true;
  }

  readonly #onRead = (
    bytes: Uint8Array | undefined,
  ): Part | undefined | Promise<Part | undefined> => {
    this.#reading = false;
    this.#decode(bytes);
    return this.buffered || this.#ended ? this.take() : this.next();
  };

  readonly #onBreak = (reason: unknown): never => {
    this.#reading = false;
    throw reason;
  };

  #keep(batch: (Part | FailurePart)[]): void {
    this.#batch = batch;
    this.#at = 0;
  }

  #decode(bytes: Uint8Array | undefined): void {
    this.#ended = bytes === undefined;
    this.#keep(bytes === undefined ? this.#decoder.end() : this.#decoder.feed(bytes));
  }
}

const NOTHING: never[] = [];

function isFailure<Part extends { readonly kind: string }>(
  part: Part | FailurePart,
): part is FailurePart {
  return part.kind === "failure";
}
