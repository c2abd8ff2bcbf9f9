import { fieldName, KNOWN_NAMES } from "../http/field_name.ts";
import { textOf } from "./head_bytes.ts";

/**
 * What a byte of a field's name counts as: 0 where it is not of a token (RFC 9110, section 5.6.2),
 * else its lower case. `_` counts as `-`, since some names are taken for others that differ in that
 * alone; which ones, `fieldName` says.
 */
export const NAME_BYTE: Uint8Array = nameBytes();

/** The hash of the bytes of a name and one more, of which `NAME_BYTE` gives the value; of none 0. */
export function hashNameByte(hash: number, value: number): number {
  return (Math.imul(hash, MULTIPLIER) + value) | 0;
}

/**
 * What the name that stands in `bytes` from `start` to `end` means to a proxy: bits of `ROLE`. Nearly
 * every name of a browser's head is unknown, and ends at an empty slot, without a comparison.
 */
export function roleOfName(bytes: Uint8Array, start: number, end: number, hash: number): number {
  const known = SLOTS[slotOf(hash)];
  return known === undefined ? 0 : roleOfKnown(known, bytes, start, end);
}

interface KnownName {
  readonly key: string;
  readonly role: number;
}

function roleOfKnown({ key, role }: KnownName, bytes: Uint8Array, start: number, end: number) {
  if (key.length !== end - start) return 0;
  let aliased = false;
  for (let i = 0; i < key.length; i++) {
    const byte = bytes[start + i] as number;
    if (NAME_BYTE[byte] !== key.charCodeAt(i)) return 0;
    if (byte === UNDERSCORE) aliased = true;
  }
  return aliased ? fieldName(textOf(bytes, start, end)).role : role;
}

const UNDERSCORE = 0x5f;
const SLOT_COUNT = 1024;

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 9)) & (SLOT_COUNT - 1);
}

/** A multiplier under which no two known names meet in a slot. */
const MULTIPLIER = findMultiplier();
const SLOTS: readonly (KnownName | undefined)[] = fillSlots();

function findMultiplier(): number {
  for (let multiplier = 31;; multiplier += 2) {
    const slots = new Set(KNOWN_NAMES.map((key) => slotOf(hashOfKey(key, multiplier))));
    if (slots.size === KNOWN_NAMES.length) return multiplier;
  }
}

function fillSlots(): (KnownName | undefined)[] {
  const slots: (KnownName | undefined)[] = new Array(SLOT_COUNT).fill(undefined);
  for (const key of KNOWN_NAMES) slots[slotOf(hashOfKey(key, MULTIPLIER))] = fieldName(key);
  return slots;
}

function hashOfKey(key: string, multiplier: number): number {
  let hash = 0;
  for (let i = 0; i < key.length; i++) {
    hash = (Math.imul(hash, multiplier) + key.charCodeAt(i)) | 0;
  }
  return hash;
}

function nameBytes(): Uint8Array {
  const table = new Uint8Array(256);
  for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") {
    const value = character === "_" ? 0x2d : character.charCodeAt(0);
    table[character.charCodeAt(0)] = value;
    table[character.toUpperCase().charCodeAt(0)] = value;
  }
  return table;
}
