import { COLON, CR } from "../http/grammar.ts";
import { isName, textOf } from "./head_bytes.ts";

/**
 * The values of every line of a field among lines that are plain (`Name: value`), in order.
 *
 * @param from where the first line begins
 * @param to behind the last line
 * @param name in lower case
 */
export function valuesAmong(
  bytes: Uint8Array,
  { from, to }: { from: number; to: number },
  name: string,
): string[] {
  const values: string[] = [];
  forEachLine(bytes, { from, to }, (colon, start, end) => {
    if (isName(bytes, start, colon, name)) values.push(textOf(bytes, colon + 2, end));
  });
  return values;
}

/** Calls back with the colon, the begin and the end (without CRLF) of each line. */
function forEachLine(
  bytes: Uint8Array,
  { from, to }: { from: number; to: number },
  callback: (colon: number, start: number, end: number) => void,
): void {
  for (let start = from; start < to;) {
    const colon = bytes.indexOf(COLON, start);
    const end = bytes.indexOf(CR, colon);
    callback(colon, start, end);
    start = end + 2;
  }
}
