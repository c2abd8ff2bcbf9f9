import { NO_BYTES } from "./buffer_pool.ts";
import type { ByteSource, Receiver } from "./connection.ts";

/** `Connection.receive` for a source whose chunks lie in memory of its own. */
export class CopiedReads {
  readonly #source: ByteSource;
  /** What of the last chunk had no room. */
  #rest: Uint8Array = NO_BYTES;
  #into: Uint8Array = NO_BYTES;
  #receiver: Receiver | undefined;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  receive(into: Uint8Array, receiver: Receiver): void {
    this.#into = into;
    this.#receiver = receiver;
    if (this.#rest.length > 0) queueMicrotask(this.#give);
    else this.#source.read().then(this.#onChunk, this.#onError);
  }

  readonly #give = (): void => this.#onChunk(this.#rest);

  readonly #onChunk = (chunk: Uint8Array | undefined): void => {
    const count = Math.min(chunk?.length ?? 0, this.#into.length);
    if (chunk !== undefined) {
      this.#into.set(chunk.subarray(0, count));
      this.#rest = chunk.subarray(count);
    }
    this.#receiver?.received(count);
  };

  readonly #onError = (error: Error): void => this.#receiver?.receiveFailed(error);
}
