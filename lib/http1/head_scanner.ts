import { NO_BYTES } from "../io/buffer_pool.ts";
import { type ErrorCode, ProxyError } from "../core/errors.ts";
import { plural } from "../core/plural.ts";
import { CR, LF, LINE_BYTE, SP } from "../http/grammar.ts";

/** Which error each fault of a head is, so that requests and answers can share the scanner. */
export interface ScanErrors {
  readonly malformed: ErrorCode;
  readonly tooLarge: ErrorCode;
  /** For a first line alone that is over the limit. */
  readonly firstLineTooLarge: ErrorCode;
  /** For its first word alone that is, where that is another. */
  readonly firstWordTooLarge?: ErrorCode;
}

/** Those of a request's head. */
export const REQUEST_SCAN_ERRORS: ScanErrors = {
  malformed: "bad_field",
  tooLarge: "head_too_large",
  firstLineTooLarge: "target_too_long",
  // a method longer than any that is known (RFC 9112, section 3)
  firstWordTooLarge: "bad_request_line",
};

/** Those of an answer's head. */
export const ANSWER_SCAN_ERRORS: ScanErrors = {
  malformed: "bad_response",
  tooLarge: "answer_too_large",
  firstLineTooLarge: "answer_too_large",
};

/**
 * Finds the end of a head (or trailer section) in bytes that come in any pieces, and collects it.
 * Lines end in CRLF and in nothing else: a bare CR or LF, NUL and any other control character are
 * refused where RFC 9112, section 2.2, leaves a choice, since servers differ in what they make of
 * them.
 */
export class HeadScanner {
  readonly #maxBytes: number;
  readonly #errors: ScanErrors;
  /** What came in earlier pieces. */
  #carry: Uint8Array<ArrayBuffer> = NO_BYTES;
  #carried = 0;
  #afterCr = false;
  /** Bytes of the line so far, without its CR. */
  #lineLength = 0;
  #lines = 0;

  constructor(maxBytes: number, errors: ScanErrors) {
    this.#maxBytes = maxBytes;
    this.#errors = errors;
  }

  /** Whether the beginning of a head has been taken. */
  get started(): boolean {
    return this.#carried > 0;
  }

  /**
   * Takes bytes from `at` on.
   *
   * @returns the whole head and where it ends in `bytes`, or undefined when more is needed
   * @throws {ProxyError} as `ScanErrors` says
   */
  scan(bytes: Uint8Array, at: number): { head: Uint8Array; end: number } | undefined {
    const limit = at + this.#maxBytes - this.#carried;
    const end = Math.min(bytes.length, limit);
    for (let i = at; i < end; i++) {
      const begun = i;
      // nearly every byte ends here
      if (!this.#afterCr) { while (i < end && LINE_BYTE[bytes[i] as number] === 1) i++; }
      this.#lineLength += i - begun;
      if (i === end) break;
      const byte = bytes[i] as number;
      if (byte === LF && this.#afterCr) {
        this.#afterCr = false;
        const empty = this.#lineLength === 0;
        this.#lineLength = 0;
        this.#lines++;
        if (empty) return { head: this.#take(bytes, at, i + 1), end: i + 1 };
      } else if (this.#afterCr || byte !== CR) {
        throw this.#malformed(byte);
      } else {
        this.#afterCr = true;
      }
    }
    if (bytes.length > limit) throw this.#tooLarge(bytes.subarray(at, end));
    this.#keep(bytes.subarray(at));
    return undefined;
  }

  #take(bytes: Uint8Array, at: number, end: number): Uint8Array {
    this.#lines = 0;
    if (this.#carried === 0) return bytes.subarray(at, end);
    this.#keep(bytes.subarray(at, end));
    const head = this.#carry.subarray(0, this.#carried);
    this.#carry = NO_BYTES;
    this.#carried = 0;
    return head;
  }

  #keep(bytes: Uint8Array): void {
    const needed = this.#carried + bytes.length;
    if (needed > this.#carry.length) {
      const larger = new Uint8Array(Math.min(this.#maxBytes, Math.max(256, needed * 2)));
      larger.set(this.#carry.subarray(0, this.#carried));
      this.#carry = larger;
    }
    this.#carry.set(bytes, this.#carried);
    this.#carried = needed;
  }

  /** @param last what came behind what is carried */
  #tooLarge(last: Uint8Array): ProxyError {
    const larger = `is larger than ${plural(this.#maxBytes, "byte")}`;
    const { tooLarge, firstLineTooLarge, firstWordTooLarge = firstLineTooLarge } = this.#errors;
    if (this.#lines > 0) return new ProxyError(tooLarge, `The head ${larger}`);
    const carried = this.#carry.subarray(0, this.#carried);
    return last.includes(SP) || carried.includes(SP)
      ? new ProxyError(firstLineTooLarge, `The first line ${larger}`)
      : new ProxyError(firstWordTooLarge, `The first word ${larger}`);
  }

  #malformed(byte: number): ProxyError {
    if (this.#afterCr) return new ProxyError(this.#errors.malformed, "A CR stands without its LF");
    if (byte === LF) return new ProxyError(this.#errors.malformed, "An LF stands without its CR");
    const isFirst = this.#lines === 0 && this.#lineLength === 0;
    if (isFirst && TLS_RECORDS.includes(byte)) {
      return new ProxyError(this.#errors.malformed, "TLS came where plain HTTP was expected");
    }
    const hex = byte.toString(16).padStart(2, "0");
    return new ProxyError(this.#errors.malformed, `The head holds a control character (0x${hex})`);
  }
}

/** An alert and a handshake: who speaks TLS begins with one of them (RFC 8446, section 5.1). */
const TLS_RECORDS = [21, 22];
