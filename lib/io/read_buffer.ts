import { NO_BYTES, READ_POOL } from "./buffer_pool.ts";

/** One buffer to read into: a small one of its own while little comes, one of the pool while much does. */
export class ReadBuffer {
  readonly #small: Uint8Array<ArrayBuffer>;
  #bytes: Uint8Array<ArrayBuffer> = NO_BYTES;

  /** @param smallBytes what an idle connection costs */
  constructor(smallBytes: number) {
    this.#small = new Uint8Array(smallBytes);
  }

  /** What was taken last. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  take(isBusy: boolean): Uint8Array<ArrayBuffer> {
    return this.#bytes = isBusy ? READ_POOL.take() : this.#small;
  }

  /** What was taken is over. @param isRead whether something may still come to lie in it */
  give(isRead: boolean): void {
    if (this.#bytes !== this.#small && !isRead) READ_POOL.give(this.#bytes);
    this.#bytes = NO_BYTES;
  }
}
