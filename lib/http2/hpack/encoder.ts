import { writeLatin1 } from "../../core/latin1.ts";
import type { PutField } from "../../http/message.ts";
import { huffmanEncode, huffmanLength } from "./huffman.ts";
import { STATIC_TABLE } from "./static_table.ts";
import { TABLE_BYTES } from "./decoder.ts";

/**
 * Writes header blocks (RFC 7541) that enter nothing into the peer's table. So there is no table
 * here either, blocks do not depend on each other, and a head is rendered the same for every
 * connection. Peers of browsers, such as HAProxy and nginx, do the same: a table saves bytes of
 * heads that are small beside their bodies, and costs more than all the rest of a small answer.
 *
 * One block is written at a time, into a buffer that all connections share.
 */
export class HeaderEncoder {
  #mustEmptyTable = false;

  /** What SETTINGS_HEADER_TABLE_SIZE says: a smaller table has to be acknowledged (section 4.2). */
  limitTable(bytes: number): void {
    if (bytes < TABLE_BYTES) this.#mustEmptyTable = true;
  }

  /** Begins a block; it stands in `block` as far as `put` has written it. */
  begin(): void {
    blockLength = 0;
    if (this.#mustEmptyTable) block[blockLength++] = 0x20;
    this.#mustEmptyTable = false;
  }

  /** Names are in lower case; they and values have a character a byte. */
  readonly put: PutField = PUT;

  /** Where the block stands that was written last, until the next one begins. */
  get block(): Uint8Array {
    return block;
  }

  get length(): number {
    return blockLength;
  }
}

let block = new Uint8Array(4096);
let blockLength = 0;

/** Of all encoders: they share the block. */
const PUT: PutField = Object.assign(put, { range: putRange });

function put(name: string, value: string, isSecret = false): void {
  reserve(name.length + value.length + 16);
  const known = knownName(name);
  const exact = isSecret ? undefined : known.exact?.get(value);
  if (exact !== undefined) {
    block[blockLength++] = 0x80 | exact;
    return;
  }
  beginLiteral(known, value.length, isSecret);
  writeLatin1(value, block, blockLength);
  blockLength += value.length;
}

/** No answer has a value that stands in the static table: it is not looked for. */
function putRange(name: string, bytes: Uint8Array, from: number, to: number): void {
  const length = to - from;
  reserve(name.length + length + 16);
  beginLiteral(knownName(name), length, false);
  if (length > SHORT) block.set(bytes.subarray(from, to), blockLength);
  else for (let i = 0; i < length; i++) block[blockLength + i] = bytes[from + i] as number;
  blockLength += length;
}

/** Bytes that are copied one by one faster than the runtime does it. */
const SHORT = 48;

/** The name of a literal field, and how long its value is. */
function beginLiteral(known: KnownName, length: number, isSecret: boolean): void {
  const flags = isSecret || known.isSecret ? 0x10 : 0;
  blockLength = writeInteger(block, blockLength, flags, 4, known.index);
  if (known.index === 0) {
    block.set(known.literal, blockLength);
    blockLength += known.literal.length;
  }
  blockLength = writeInteger(block, blockLength, 0, 7, length);
}

function reserve(bytes: number): void {
  if (blockLength + bytes <= block.length) return;
  const larger = new Uint8Array((blockLength + bytes) * 2);
  larger.set(block.subarray(0, blockLength));
  block = larger;
}

/** Section 5.1. @returns where the next byte goes */
function writeInteger(
  into: Uint8Array,
  start: number,
  flags: number,
  prefixBits: number,
  value: number,
): number {
  const mask = (1 << prefixBits) - 1;
  let at = start;
  if (value < mask) {
    into[at++] = flags | value;
    return at;
  }
  into[at++] = flags | mask;
  let left = value - mask;
  for (; left >= 0x80; left >>>= 7) into[at++] = (left & 0x7f) | 0x80;
  into[at++] = left;
  return at;
}

/** How a name is written. */
interface KnownName {
  /** In the static table; 0 where it is not in there. */
  readonly index: number;
  /** Indices of the values that stand beside it there. */
  readonly exact: Map<string, number> | undefined;
  /** Whether no proxy behind may ever enter it into a table (section 7.1.3). */
  readonly isSecret: boolean;
  /** The name as a string literal. */
  readonly literal: Uint8Array;
}

const SECRET: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "proxy-authorization",
  "set-cookie",
]);

const MAX_KEPT = 1024;
const MAX_KEPT_LENGTH = 64;
const names = staticNames();

function knownName(name: string): KnownName {
  const known = names.get(name);
  if (known !== undefined) return known;
  const made = describe(name, 0);
  if (name.length <= MAX_KEPT_LENGTH && names.size < MAX_KEPT) names.set(name, made);
  return made;
}

function staticNames(): Map<string, KnownName> {
  const found = new Map<string, KnownName>();
  STATIC_TABLE.forEach(([name, value], i) => {
    const known = found.get(name) ?? describe(name, i + 1);
    found.set(name, known);
    if (value !== "") known.exact?.set(value, i + 1);
  });
  return found;
}

function describe(name: string, index: number): KnownName {
  const exact = index === 0 ? undefined : new Map<string, number>();
  return { index, exact, isSecret: SECRET.has(name), literal: huffmanLiteral(name) };
}

function huffmanLiteral(text: string): Uint8Array {
  const length = huffmanLength(text);
  const literal = new Uint8Array(length + 6);
  return literal.subarray(
    0,
    huffmanEncode(text, literal, writeInteger(literal, 0, 0x80, 7, length)),
  );
}
