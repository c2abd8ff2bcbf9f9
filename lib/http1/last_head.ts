import { NO_BYTES } from "../io/buffer_pool.ts";

/**
 * The last head of a connection and what it said. Peers repeat themselves, to the letter: a client
 * that polls, a server that gives the same file again. To compare bytes takes a tenth of what it
 * takes to read them anew.
 */
export class LastHead<Facts> {
  #bytes: Uint8Array = NO_BYTES;
  #length = 0;
  /** Where its fields begin. */
  #fieldsAt = 0;
  #facts: Facts | undefined;

  /**
   * What the head said that stands in `bytes` from `at` on, if it is the same as the last. A head
   * ends where it is first empty, so what begins with the same bytes ends with them, too.
   */
  find(bytes: Uint8Array, at: number): Facts | undefined {
    return this.#isSame(bytes, at, 0) ? this.#facts : undefined;
  }

  /**
   * What the last head said, if it had the fields that stand in `bytes` from `at` on, and only
   * another first line.
   */
  findByFields(bytes: Uint8Array, at: number): Facts | undefined {
    return this.#isSame(bytes, at, this.#fieldsAt) ? this.#facts : undefined;
  }

  /**
   * @param head the whole head, which is copied; a long one is not kept
   * @param fieldsAt where its fields begin; 0 where nobody will ask for them alone
   */
  keep(head: Uint8Array, facts: Facts, fieldsAt = 0): void {
    const short = head.length <= MAX_BYTES;
    this.#fieldsAt = fieldsAt;
    this.#length = short ? head.length : 0;
    this.#facts = short ? facts : undefined;
    if (!short) return;
    if (head.length > this.#bytes.length) this.#bytes = new Uint8Array(head);
    else this.#bytes.set(head);
  }

  /** Frees what it takes; the next head is as good as a first one. */
  forget(): void {
    this.#bytes = NO_BYTES;
    this.#length = 0;
    this.#fieldsAt = 0;
    this.#facts = undefined;
  }

  #isSame(bytes: Uint8Array, at: number, from: number): boolean {
    const length = this.#length;
    if (length - from > bytes.length - at) return false;
    const kept = this.#bytes;
    for (let i = from, j = at; i < length; i++, j++) if (kept[i] !== bytes[j]) return false;
    return true;
  }
}

/** What it may cost a connection. */
const MAX_BYTES = 1024;
