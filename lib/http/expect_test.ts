import assert from "node:assert/strict";
import { checkExpectation, expectsNothing } from "./expect.ts";
import { field } from "./field.ts";

/** The values of `Expect`, and whether they are for a server to meet (RFC 9110, section 10.1.1). */
const CASES: readonly [minor: 0 | 1, values: readonly string[], taken: boolean][] = [
  [1, [], true],
  [1, ["100-continue"], true],
  [1, ["100-Continue"], true],
  [1, ["100-continue, 100-continue"], true],
  [1, ["", "100-continue"], true],
  [1, [", ,\t"], true],
  [1, ["100-continued"], false],
  [1, ["\xa0100-continue"], false],
  [1, ["\xa0"], false],
  [1, ["100-continue, a miracle"], false],
  [1, ["100-continue", "200-ok"], false],
  [0, ["a miracle"], true],
];

for (const [minor, values, taken] of CASES) {
  Deno.test(`checkExpectation() ${taken ? "takes" : "refuses"} ${values.join(" and ")}, 1.${minor}`, () => {
    const fields = [field("A", "a miracle"), ...values.map((value) => field("Expect", value))];
    if (taken) checkExpectation({ minor, fields });
    else {
      assert.throws(() => checkExpectation({ minor, fields }), { code: "expectation_failed" });
    }
  });
}

Deno.test("expectsNothing() knows an empty list (RFC 9110 5.6.1)", () => {
  for (const value of ["", ",", " ,\t,"]) {
    assert.equal(expectsNothing(field("expect", value)), true);
    assert.equal(expectsNothing(field("A", value)), false);
  }
  for (const value of ["a", ", a", "a ,", "\xa0"]) {
    assert.equal(expectsNothing(field("Expect", value)), false);
  }
});
