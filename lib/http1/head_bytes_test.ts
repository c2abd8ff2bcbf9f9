import assert from "node:assert/strict";
import { fromLatin1 } from "../../tests/support/connection.ts";
import { isName, isNameForRules, isSame, isText, plainNumber, textOf } from "./head_bytes.ts";

/** RFC 9110, section 5.6.2. */
const TOKEN_CHARACTERS =
  "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

Deno.test("isName() tells every character of a name from every other but its capital", () => {
  for (const written of TOKEN_CHARACTERS) {
    const bytes = fromLatin1(`<X${written}>`);
    for (const meant of new Set(TOKEN_CHARACTERS.toLowerCase())) {
      const isSame = written.toLowerCase() === meant;
      assert.equal(isName(bytes, 1, 3, `x${meant}`), isSame, `${written} ${meant}`);
    }
  }
  for (const written of ["x-a-b", "X_A-B", "x_a_B"]) {
    assert.ok(isNameForRules(fromLatin1(written), 0, 5, "x-a-b"), written);
  }
  for (const written of ["x-a.b", "x-a", "x-a-c", "x\x7fa-b"]) {
    assert.ok(!isNameForRules(fromLatin1(written), 0, written.length, "x-a-b"), written);
  }
  assert.ok(!isName(fromLatin1("x-a"), 0, 3, "x-ab"));
  assert.ok(!isName(fromLatin1("x-ab"), 0, 4, "x-a"));
});

Deno.test("isText() and isSame() take no range that is longer, shorter or other", () => {
  const bytes = fromLatin1("xGETX GET");
  assert.ok(isText(bytes, 1, 4, "GET"));
  assert.ok(!isText(bytes, 1, 5, "GET"));
  assert.ok(!isText(bytes, 1, 3, "GET"));
  assert.ok(!isText(bytes, 1, 4, "get"));
  assert.ok(isSame(bytes, 1, fromLatin1("GETY"), 3));
  assert.ok(!isSame(bytes, 1, fromLatin1("GETY"), 4));
  assert.ok(!isSame(bytes, 1, fromLatin1("HET"), 3));
  // up to the end of either
  assert.ok(isSame(bytes, 6, fromLatin1("GET"), 3));
});

Deno.test("textOf() gives one character a byte, of ranges of any length", () => {
  const text = "a\xff\x80bcdefghijkl";
  for (let to = 0; to <= text.length; to++) {
    assert.equal(textOf(fromLatin1(`x${text}`), 1, 1 + to), text.slice(0, to));
  }
});

Deno.test("plainNumber() takes a number as it is written here, and nothing else", () => {
  const numbers: [text: string, number: number][] = [
    ["0", 0],
    ["9", 9],
    ["10", 10],
    ["999999999999999", 999_999_999_999_999],
  ];
  for (const [text, number] of numbers) {
    assert.equal(plainNumber(fromLatin1(`x${text}x`), 1, 1 + text.length), number);
  }
  for (const text of ["", "00", "01", "+1", "-1", " 1", "1 ", "1:", "1/", "1e3", "1".repeat(16)]) {
    assert.ok(plainNumber(fromLatin1(text), 0, text.length) < 0, text);
  }
});
