import { encodeLatin1 } from "../core/latin1.ts";
import { dateField } from "../http/date.ts";
import { type Field, field, fieldLines } from "../http/field.ts";
import { viaField } from "../http/via.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";

/** What an answer's lines of ours say, one bit each. */
export const ADD = {
  chunked: 1 << 0,
  close: 1 << 1,
  keepAlive: 1 << 2,
  /** By the minor version in which the answer came. */
  via: [1 << 3, 1 << 4],
} as const;

/** The lines for bits of `ADD`. There are few, so each is made once. */
export function answerLines(added: number): Uint8Array {
  return LINES[added] ??= makeLines(added);
}

/** The line of `dateField`. */
export function dateLine(now: number): Uint8Array {
  const date = dateField(now);
  if (date !== lastDate) {
    lastDate = date;
    lastDateLine = encodeLatin1(date.line);
  }
  return lastDateLine;
}

let lastDate: Field | undefined;
let lastDateLine: Uint8Array = NO_BYTES;

const LINES: (Uint8Array | undefined)[] = [];

function makeLines(added: number): Uint8Array {
  const fields = [];
  if ((added & ADD.chunked) !== 0) fields.push(field("Transfer-Encoding", "chunked"));
  if ((added & ADD.via[0]) !== 0) fields.push(viaField([], 0));
  if ((added & ADD.via[1]) !== 0) fields.push(viaField([], 1));
  if ((added & ADD.close) !== 0) fields.push(field("Connection", "close"));
  if ((added & ADD.keepAlive) !== 0) fields.push(field("Connection", "keep-alive"));
  return encodeLatin1(fieldLines(fields));
}
