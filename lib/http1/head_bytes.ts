import { decodeLatin1 } from "../core/latin1.ts";

/** Small questions about a range of a head's bytes, and small moves, for heads that stay in place. */

/** The range as text of one character a byte. */
export function textOf(bytes: Uint8Array, from: number, to: number): string {
  if (to - from > MAX_JOINED) return decodeLatin1(bytes, from, to);
  let text = "";
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i] as number);
  return text;
}

/** Characters that are put together faster than the runtime does it. */
const MAX_JOINED = 8;

/**
 * Whether the range holds this word, whatever its case. The range holds no control characters, so
 * the bit that makes a letter small makes nothing else a letter, a digit or a hyphen.
 *
 * @param word in lower case: letters, digits and hyphens
 */
export function isWord(bytes: Uint8Array, from: number, to: number, word: string): boolean {
  if (to - from !== word.length) return false;
  for (let i = 0; i < word.length; i++) {
    if (((bytes[from + i] as number) | 0x20) !== word.charCodeAt(i)) return false;
  }
  return true;
}

/**
 * Whether the range holds this name of a field, whatever its case: unlike a word, it may hold any
 * character of a token, such as `_`, and `^`, which is none of `~`.
 *
 * @param name in lower case
 */
export function isName(bytes: Uint8Array, from: number, to: number, name: string): boolean {
  return isSpelled(bytes, from, to, name, UNDERSCORE);
}

/** The same for a name as `nameForRules` makes it: `_` is `-`. */
export function isNameForRules(
  bytes: Uint8Array,
  from: number,
  to: number,
  name: string,
): boolean {
  return isSpelled(bytes, from, to, name, DASH);
}

/** @param underscore what `_` counts as */
function isSpelled(
  bytes: Uint8Array,
  from: number,
  to: number,
  name: string,
  underscore: number,
): boolean {
  if (to - from !== name.length) return false;
  for (let i = 0; i < name.length; i++) {
    const byte = bytes[from + i] as number;
    const isCapital = byte >= CAPITAL_A && byte <= CAPITAL_Z;
    const read = isCapital ? byte | 0x20 : byte === UNDERSCORE ? underscore : byte;
    if (read !== name.charCodeAt(i)) return false;
  }
  return true;
}

const UNDERSCORE = 0x5f;
const DASH = 0x2d;
const CAPITAL_A = 0x41;
const CAPITAL_Z = 0x5a;

/** Whether the range holds this text to the letter. */
export function isText(bytes: Uint8Array, from: number, to: number, text: string): boolean {
  if (to - from !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** Whether so many bytes from `at` on are the first of `other`. */
export function isSame(bytes: Uint8Array, at: number, other: Uint8Array, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[at + i] !== other[i]) return false;
  return true;
}

/**
 * A plain decimal number as this proxy would write it: no sign, no leading zero, at most 15 digits.
 * Negative where the range holds anything else.
 */
export function plainNumber(bytes: Uint8Array, from: number, to: number): number {
  if (to === from || to - from > MAX_DIGITS) return -1;
  if (bytes[from] === ZERO && to - from > 1) return -1;
  let number = 0;
  for (let i = from; i < to; i++) {
    const digit = (bytes[i] as number) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

/** Exact in a number. */
const MAX_DIGITS = 15;
const ZERO = 0x30;

/** Moves the range by so many bytes, to the right or (negative) to the left; it may overlap itself. */
export function moveBytes(bytes: Uint8Array, from: number, to: number, by: number): void {
  if (by === 0) return;
  if (to - from > SHORT) bytes.copyWithin(from + by, from, to);
  else if (by > 0) { for (let i = to - 1; i >= from; i--) bytes[i + by] = bytes[i] as number; }
  else for (let i = from; i < to; i++) bytes[i + by] = bytes[i] as number;
}

/** Bytes below which a loop is faster than a call of the runtime. */
const SHORT = 200;
