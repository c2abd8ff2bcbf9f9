import { encodeLatin1 } from "../core/latin1.ts";
import { fieldLines } from "../http/field.ts";
import { forwardedFields } from "../http/forwarded.ts";
import { CR, LF } from "../http/grammar.ts";
import type { Forwarding } from "../http/message.ts";
import { ID_PREFIX } from "../http/request_id.ts";
import { viaField } from "../http/via.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";

/**
 * The lines that a server gets besides the client's own: where the request came from, and its id.
 * Those of the last request are kept as bytes, as the next one's differ in the id alone.
 */
export class AddedLines {
  #bytes: Uint8Array = NO_BYTES;
  /** Bytes before the line of the id, which is begun behind them. */
  #withoutId = 0;
  #forwarding: Forwarding | undefined;
  #authority = "";
  #minor: 0 | 1 = 1;

  /** Makes them for a request to `authority` by HTTP/1.`minor`. */
  make(forwarding: Forwarding, authority: string, minor: 0 | 1): void {
    const isSame = forwarding === this.#forwarding && authority === this.#authority;
    if (!isSame || minor !== this.#minor) this.#makeAnew(forwarding, authority, minor);
  }

  /**
   * Bytes that they take.
   *
   * @param idNumber of the id that is told; 0 where the request came with one
   */
  size(idNumber: number): number {
    if (idNumber === 0) return this.#withoutId;
    return this.#bytes.length + digitsOf(idNumber) + CRLF_BYTES;
  }

  /** Puts them right before `end`. */
  put(bytes: Uint8Array, end: number, idNumber: number): void {
    if (idNumber === 0) {
      const lines = this.#bytes.subarray(0, this.#withoutId);
      bytes.set(lines, end - lines.length);
      return;
    }
    bytes[end - 2] = CR;
    bytes[end - 1] = LF;
    const digits = digitsOf(idNumber);
    putDigits(bytes, end - CRLF_BYTES, idNumber);
    bytes.set(this.#bytes, end - CRLF_BYTES - digits - this.#bytes.length);
  }

  #makeAnew(forwarding: Forwarding, authority: string, minor: 0 | 1): void {
    const fields = forwardedFields({ ...forwarding, host: authority });
    if (forwarding.via) fields.push(viaField([], minor));
    const lines = fieldLines(fields);
    this.#bytes = encodeLatin1(`${lines}X-Request-Id: ${ID_PREFIX}`);
    this.#withoutId = lines.length;
    this.#forwarding = forwarding;
    this.#authority = authority;
    this.#minor = minor;
  }
}

const CRLF_BYTES = 2;

/** How many digits a number has in base 36. */
function digitsOf(number: number): number {
  let digits = 1;
  for (let least = BASE; least <= number; least *= BASE) digits++;
  return digits;
}

/** Puts a number as `toString(36)` writes it right before `end`. */
function putDigits(bytes: Uint8Array, end: number, number: number): void {
  let at = end;
  let left = number;
  do {
    const digit = left % BASE;
    bytes[--at] = digit < 10 ? ZERO + digit : LETTER_A - 10 + digit;
    left = (left - digit) / BASE;
  } while (left > 0);
}

const BASE = 36;
const ZERO = 0x30;
const LETTER_A = 0x61;
