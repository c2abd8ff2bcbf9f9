import assert from "node:assert/strict";
import * as fc from "fast-check";
import { withoutBlanks } from "./without_blanks.ts";

const TEXTS: readonly (readonly [text: string, left: string])[] = [
  ["", ""],
  [" ", ""],
  [" \t \t", ""],
  ["a", "a"],
  [" a", "a"],
  ["a\t", "a"],
  ["\t a \t", "a"],
  [" a \t b ", "a \t b"],
  // of other kinds
  ["\xa0a\xa0", "\xa0a\xa0"],
  ["\na\r\n", "\na\r\n"],
];

for (const [text, left] of TEXTS) {
  Deno.test(`withoutBlanks() makes ${JSON.stringify(left)} of ${JSON.stringify(text)}`, () => {
    assert.equal(withoutBlanks(text), left);
  });
}

Deno.test("withoutBlanks() takes as long as a text is, also where it is blanks", () => {
  const text = `a${" ".repeat(2 ** 22)}b`;
  // hours, where each blank leads over all others
  assert.equal(withoutBlanks(text), text);
});

Deno.test("withoutBlanks() leaves what is between blanks as it is", () => {
  const blanks = fc.stringMatching(/^[ \t]*$/);
  const words = fc.stringMatching(/^(?:[^ \t](?:.*[^ \t])?)?$/);
  fc.assert(fc.property(blanks, words, blanks, (before, text, behind) => {
    assert.equal(withoutBlanks(before + text + behind), text);
  }));
});
