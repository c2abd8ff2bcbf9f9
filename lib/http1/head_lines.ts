import type { RoomyBuffer } from "../io/roomy_buffer.ts";
import { COLON, CR, HTAB, LF, LINE_BYTE, SP } from "../http/grammar.ts";
import { hashNameByte, NAME_BYTE, roleOfName } from "./name_table.ts";

/** How far the lines of a head have been read. */
export type Reading =
  /** Not to their end. */
  | "more"
  | "whole"
  /** To what the slow way has to judge. */
  | "odd";

/**
 * The field lines of a head, read once where they lie. Every byte is looked at; lines that mean
 * nothing to a proxy leave no trace, the others are marked. What is not plainly right is odd, and
 * not judged here: a line other than `Name: value` to the letter, a forbidden byte, more lines or
 * marks than there may be. One object serves all heads of a connection.
 */
export class HeadLines {
  /** The roles of all lines together. */
  roles = 0;
  marks = 0;
  /** Where the first line begins. */
  start = 0;
  /** Behind the last line, where the empty line begins. */
  end = 0;
  #fields = 0;
  /** Four numbers a mark: role, begin of the line, of the value, and of the next line. */
  readonly #marks = new Int32Array(4 * MAX_MARKS);
  /** The line that is being read: its begin, how far it was read, its colon (or -1) and role. */
  #line = 0;
  #at = 0;
  #colon = -1;
  #role = 0;

  /** Begins with the lines of a head that stand in a buffer from `at` on. */
  begin(at: number): void {
    this.roles = 0;
    this.marks = 0;
    this.start = at;
    this.#fields = 0;
    this.#line = at;
    this.#at = at;
    this.#colon = -1;
  }

  /** Bits of `ROLE`. */
  role(mark: number): number {
    return this.#marks[4 * mark] as number;
  }

  lineStart(mark: number): number {
    return this.#marks[4 * mark + 1] as number;
  }

  valueStart(mark: number): number {
    return this.#marks[4 * mark + 2] as number;
  }

  valueEnd(mark: number): number {
    return this.lineEnd(mark) - CRLF;
  }

  /** Behind its CRLF. */
  lineEnd(mark: number): number {
    return this.#marks[4 * mark + 3] as number;
  }

  /** All of it has been moved by so many bytes. */
  moved(by: number): void {
    this.start += by;
    this.end += by;
    for (let at = 0; at < 4 * this.marks; at++) {
      if (at % 4 !== 0) this.#marks[at] = this.#marks[at] as number + by;
    }
  }

  /** Reads on, in a buffer that is filled up to `filled`. */
  read({ bytes, view }: RoomyBuffer, filled: number, maxFields: number): Reading {
    let start = this.#line;
    let at = this.#at;
    let colon = this.#colon;
    let role = this.#role;
    for (;;) {
      if (colon < 0) {
        at = start;
        let hash = 0;
        let value = 0;
        while (at < filled && (value = NAME_BYTE[bytes[at] as number] as number) !== 0) {
          hash = hashNameByte(hash, value);
          at++;
        }
        if (at === filled) {
          if (at - start > MAX_NAME) return "odd";
          return this.#wait(start, at, -1, 0);
        }
        if (bytes[at] !== COLON || at === start) {
          if (at !== start || bytes[at] !== CR) return "odd";
          // the empty line
          if (at + 1 === filled) return this.#wait(start, at, -1, 0);
          this.end = at;
          return bytes[at + 1] === LF ? "whole" : "odd";
        }
        colon = at++;
        role = roleOfName(bytes, start, colon, hash);
      }
      at = skipValue(bytes, view, at, filled);
      if (at === filled) return this.#wait(start, at, colon, role);
      if (bytes[at] !== CR) return "odd";
      if (at + 1 === filled) return this.#wait(start, at, colon, role);
      if (bytes[at + 1] !== LF) return "odd";
      if (++this.#fields > maxFields || !isPlain(bytes, colon, at)) return "odd";
      at += CRLF;
      if (role !== 0 && !this.#mark(role, start, colon + 2, at)) return "odd";
      start = at;
      colon = -1;
    }
  }

  #mark(role: number, start: number, value: number, end: number): boolean {
    const mark = this.marks;
    if (mark === MAX_MARKS) return false;
    const marks = this.#marks;
    marks[4 * mark] = role;
    marks[4 * mark + 1] = start;
    marks[4 * mark + 2] = value;
    marks[4 * mark + 3] = end;
    this.marks = mark + 1;
    this.roles |= role;
    return true;
  }

  #wait(line: number, at: number, colon: number, role: number): "more" {
    this.#line = line;
    this.#at = at;
    this.#colon = colon;
    this.#role = role;
    return "more";
  }
}

/** A browser's head has two, one that has come through other proxies about ten. */
const MAX_MARKS = 24;
/** Bytes of a name that is read again with every piece that it comes in. */
const MAX_NAME = 64;
const CRLF = 2;

/** Goes over what may stand in a line, four bytes at a time. */
function skipValue(bytes: Uint8Array, view: DataView, from: number, end: number): number {
  const lastWord = end - 4;
  let at = from;
  for (;;) {
    while (at <= lastWord && !mayHoldControl(view.getInt32(at, true))) at += 4;
    const stop = at < lastWord ? at + 4 : end;
    while (at < stop && LINE_BYTE[bytes[at] as number] === 1) at++;
    if (at < stop || at === end) return at;
  }
}

/** Whether one of four bytes is DEL or below 0x20; it never says no of a word that holds such. */
function mayHoldControl(word: number): boolean {
  const del = word ^ 0x7f7f7f7f;
  return ((((word - 0x20202020) & ~word) | ((del - 0x01010101) & ~del)) & 0x80808080) !== 0;
}

/** `: value`, with one space before the value and none behind it. */
function isPlain(bytes: Uint8Array, colon: number, end: number): boolean {
  if (bytes[colon + 1] !== SP) return false;
  return end === colon + 2 || (!isBlank(bytes[colon + 2]) && !isBlank(bytes[end - 1]));
}

function isBlank(byte: number | undefined): boolean {
  return byte === SP || byte === HTAB;
}
