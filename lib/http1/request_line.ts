import { encodeLatin1 } from "../core/latin1.ts";
import { SP } from "../http/grammar.ts";
import { requestLine } from "./head.ts";
import { isText, moveBytes, textOf } from "./head_bytes.ts";
import type { Reading } from "./head_lines.ts";
import { NAME_BYTE } from "./name_table.ts";

/** The first line of a request, read where it lies: what is not plainly right is odd. */
export class RequestLine {
  method = "";
  /** HTTP/1.0 or HTTP/1.1. */
  minor: 0 | 1 = 1;
  start = 0;
  targetStart = 0;
  targetEnd = 0;
  /** Behind its CRLF. */
  end = 0;
  /** How far it was read, and where the method ends, or -1. */
  #at = 0;
  #methodEnd = -1;

  /** Begins with a line that stands in a buffer from `at` on. */
  begin(at: number): void {
    this.start = at;
    this.#at = at;
    this.#methodEnd = -1;
  }

  /** Reads on, in bytes that are filled up to `filled`. */
  read(bytes: Uint8Array, filled: number): Reading {
    let at = this.#at;
    if (this.#methodEnd < 0) {
      while (at < filled && NAME_BYTE[bytes[at] as number] !== 0) at++;
      this.#at = at;
      if (at === filled) return "more";
      if (bytes[at] !== SP || at === this.start) return "odd";
      this.#methodEnd = at++;
      this.targetStart = at;
    }
    while (at < filled && TARGET_BYTE[bytes[at] as number] === 1) at++;
    this.#at = at;
    if (at === filled) return "more";
    if (bytes[at] !== SP || at === this.targetStart) return "odd";
    this.targetEnd = at;
    return this.#readVersion(bytes, filled);
  }

  /** Moves it by so many bytes; it says from then on that it is of HTTP/1.1. */
  move(bytes: Uint8Array, by: number): void {
    moveBytes(bytes, this.start, this.end, by);
    this.start += by;
    this.targetStart += by;
    this.targetEnd += by;
    this.end += by;
    bytes[this.targetEnd + MINOR_AT] = ONE;
  }

  /** Writes it anew right before `end`, with another target, of HTTP/1.1. */
  write(bytes: Uint8Array, end: number, target: string): void {
    const written = encodeLatin1(requestLine(this.method, target));
    this.start = end - written.length;
    bytes.set(written, this.start);
  }

  #readVersion(bytes: Uint8Array, filled: number): Reading {
    const at = this.targetEnd;
    for (let i = 0; i < VERSION.length; i++) {
      if (at + i === filled) return "more";
      const byte = bytes[at + i];
      if (byte !== VERSION[i] && !(i === MINOR_AT && byte === ZERO)) return "odd";
    }
    this.minor = bytes[at + MINOR_AT] === ONE ? 1 : 0;
    this.method = methodOf(bytes, this.start, this.#methodEnd);
    this.end = at + VERSION.length;
    return "whole";
  }
}

/** The methods that are known need not be made text. */
function methodOf(bytes: Uint8Array, start: number, end: number): string {
  for (let i = 0; i < METHODS.length; i++) {
    const method = METHODS[i] as string;
    if (isText(bytes, start, end, method)) return method;
  }
  return textOf(bytes, start, end);
}

/** By how often they are met. */
const METHODS = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"];

const ZERO = 0x30;
const ONE = 0x31;
/** What stands behind a target. */
const VERSION = Uint8Array.from(" HTTP/1.1\r\n", (character) => character.charCodeAt(0));
const MINOR_AT = 8;

/** `request-target` as far as characters go (RFC 9112, section 3.2): visible ASCII, no fragment. */
const TARGET_BYTE: Uint8Array = targetBytes();

function targetBytes(): Uint8Array {
  const table = new Uint8Array(256).fill(1, SP + 1, 0x7f);
  table[0x23] = 0;
  return table;
}
