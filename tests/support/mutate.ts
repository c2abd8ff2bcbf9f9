import fc from "fast-check";
import { fromLatin1 } from "./connection.ts";

/** What matters to a parser, and so is put where it does not belong. */
const SPLINTERS = [
  ..."\r|\n|\r\n|\r\n\r\n|\0| |\t|:|,|;|\x0b|\x7f|\x80|\xa0|\xe9|0|f|g|+|-|#|*|/|@|[".split("|"),
  "\r\nContent-Length: 3\r\n",
  "\r\nTransfer-Encoding: chunked\r\n",
  "\r\nConnection: close\r\n",
  "\r\nHost: b\r\n",
  "HTTP/1.1",
  "0\r\n\r\n",
];

/** One of the messages, damaged at a few places. */
export function mutated(messages: readonly string[]): fc.Arbitrary<Uint8Array> {
  const mutation = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    removed: fc.nat(3),
    added: fc.constantFrom("", ...SPLINTERS),
  });
  const mutations = fc.array(mutation, { minLength: 1, maxLength: 3 });
  return fc.tuple(fc.constantFrom(...messages), mutations).map(([message, damage]) => {
    let text = message;
    for (const { at, removed, added } of damage) {
      const start = Math.floor(at * text.length);
      text = text.slice(0, start) + added + text.slice(start + removed);
    }
    return fromLatin1(text);
  });
}
