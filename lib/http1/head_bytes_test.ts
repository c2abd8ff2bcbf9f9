import assert from "node:assert/strict";
import { fromLatin1 } from "../../tests/support/connection.ts";
import { isName, isNameForRules } from "./head_bytes.ts";

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
