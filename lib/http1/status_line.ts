import { CR, LF, LINE_BYTE } from "../http/grammar.ts";
import { moveBytes, plainNumber } from "./head_bytes.ts";
import type { Reading } from "./head_lines.ts";

/** The first line of an answer, read where it lies: what is not plainly right is odd. */
export class StatusLine {
  /** 100 to 999. */
  status = 0;
  /** HTTP/1.0 or HTTP/1.1. */
  minor: 0 | 1 = 1;
  start = 0;
  /** Behind its CRLF. */
  end = 0;
  #at = 0;

  /** Begins with a line that stands in a buffer from `at` on. */
  begin(at: number): void {
    this.start = at;
    this.#at = at;
  }

  /** Reads on, in bytes that are filled up to `filled`. */
  read(bytes: Uint8Array, filled: number): Reading {
    const { start } = this;
    let at = this.#at;
    for (; at < start + REASON_AT; at++) {
      if (at === filled) return this.#wait(at);
      if (!isExpected(bytes[at] as number, at - start)) return "odd";
    }
    while (at < filled && LINE_BYTE[bytes[at] as number] === 1) at++;
    if (at === filled) return this.#wait(at);
    if (bytes[at] !== CR) return "odd";
    if (at + 1 === filled) return this.#wait(at);
    if (bytes[at + 1] !== LF) return "odd";
    this.end = at + 2;
    this.minor = bytes[start + MINOR_AT] === ONE ? 1 : 0;
    this.status = plainNumber(bytes, start + STATUS_AT, start + STATUS_AT + 3);
    return "whole";
  }

  /** Moves it by so many bytes; it says from then on that it is of HTTP/1.1. */
  move(bytes: Uint8Array, by: number): void {
    moveBytes(bytes, this.start, this.end, by);
    this.moved(by);
    bytes[this.start + MINOR_AT] = ONE;
  }

  /** It has been moved by so many bytes. */
  moved(by: number): void {
    this.start += by;
    this.end += by;
  }

  #wait(at: number): "more" {
    this.#at = at;
    return "more";
  }
}

/** `HTTP/1.1 200 `: digits of a status may be any, its first not 0, and the version 1.0. */
function isExpected(byte: number, at: number): boolean {
  if (byte === BEGIN[at]) return true;
  if (at === MINOR_AT) return byte === ZERO;
  const isDigit = byte >= ZERO && byte <= NINE;
  return at >= STATUS_AT && at < REASON_AT - 1 && isDigit && (at > STATUS_AT || byte !== ZERO);
}

const BEGIN = Uint8Array.from("HTTP/1.1 200 ", (character) => character.charCodeAt(0));
const MINOR_AT = 7;
const STATUS_AT = 9;
const REASON_AT = 13;
const ZERO = 0x30;
const ONE = 0x31;
const NINE = 0x39;
