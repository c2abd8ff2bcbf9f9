import { encodeLatin1, writeLatin1 } from "../core/latin1.ts";
import type { Field } from "../http/field.ts";
import type { Range } from "../http/message.ts";
import { LAST_CHUNK, lastChunkText } from "./last_chunk.ts";

/**
 * A head, where there is one, and a range of the body behind it as one piece: without a copy where
 * one lies behind the other already, and in the head's own buffer where it has room.
 */
export function joined(
  head: Range | undefined,
  bytes: Uint8Array,
  from: number,
  to: number,
): Uint8Array {
  if (head === undefined) return bytes.subarray(from, to);
  if (head.bytes === bytes && head.to === from) return bytes.subarray(head.from, to);
  const before = head.bytes.subarray(head.from, head.to);
  if (from === to) return before;
  if (head.room !== undefined && to - from <= head.room) {
    head.bytes.set(bytes.subarray(from, to), head.to);
    return head.bytes.subarray(head.from, head.to + to - from);
  }
  const whole = new Uint8Array(before.length + to - from);
  whole.set(before);
  whole.set(bytes.subarray(from, to), before.length);
  return whole;
}

/** The same with the range as a chunk (RFC 9112, section 7.1), and the last chunk at the end. */
export function framed(head: Range | undefined, { bytes, from, to }: Range, ended: boolean) {
  const size = to === from ? "" : (to - from).toString(16) + "\r\n";
  const behind = (size === "" ? "" : "\r\n") + (ended ? LAST_CHUNK : "");
  const before = head === undefined ? 0 : head.to - head.from;
  const whole = new Uint8Array(before + size.length + to - from + behind.length);
  if (head !== undefined) whole.set(head.bytes.subarray(head.from, head.to));
  writeLatin1(size, whole, before);
  whole.set(bytes.subarray(from, to), before + size.length);
  writeLatin1(behind, whole, whole.length - behind.length);
  return whole;
}

/** The last chunk, with those of the trailers that may go on. */
export function lastChunk(trailers: readonly Field[]): Uint8Array {
  return encodeLatin1(lastChunkText(trailers));
}
