import { hashByte, readFieldName } from "../http/field_name.ts";
import { COLON, CR } from "../http/grammar.ts";
import type { PutField } from "../http/message.ts";
import { textOf } from "./head_bytes.ts";

/**
 * Gives the fields of lines that are plain (`HeadLines`), as they lie: without making objects of
 * them, nor text where nobody needs it.
 *
 * @param left bits of `ROLE`: fields of these roles are left out
 * @param kept the same: these are not, whatever else they are
 */
export function putPlainFields(
  bytes: Uint8Array,
  { from, to, left, kept }: { from: number; to: number; left: number; kept: number },
  put: PutField,
): void {
  for (let start = from; start < to;) {
    let colon = start;
    let hash = 0;
    for (; bytes[colon] !== COLON; colon++) hash = hashByte(hash, bytes[colon] as number);
    const name = readFieldName(bytes, { start, end: colon, hash });
    // behind the colon and a blank; a value may be empty
    const value = Math.min(colon + 2, to);
    let end = value;
    while (bytes[end] !== CR) end++;
    start = end + 2;
    if (name === undefined) continue;
    const { key, role } = name;
    if ((role & left) !== 0 && (role & kept) === 0) continue;
    if (put.range === undefined) put(key, textOf(bytes, value, end));
    else put.range(key, bytes, value, end);
  }
}
