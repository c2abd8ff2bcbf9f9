import assert from "node:assert/strict";
import { findCookie, setCookie } from "./cookies.ts";

const FOUND: readonly [why: string, lines: string[], values: string[], others: string[]][] = [
  ["alone", ["lb=a"], ["a"], []],
  ["first of several", ["lb=a; x=1; y=2"], ["a"], ["x=1; y=2"]],
  ["amid others", ["x=1; lb=a; y=2"], ["a"], ["x=1; y=2"]],
  ["last", ["x=1; lb=a"], ["a"], ["x=1"]],
  ["without blanks", ["x=1;lb=a;y=2"], ["a"], ["x=1;y=2"]],
  ["with blanks around name and value", ["x=1; lb =\ta ; y=2"], ["a"], ["x=1; y=2"]],
  ["quoted", ['x="1"; lb="a"'], ["a"], ['x="1"']],
  ["in half a pair of quotes", ['lb="a'], ['"a'], []],
  ["with quotes amid it", ['lb=a"b"; lb="a"b'], ['a"b"', '"a"b'], []],
  ["empty", ["lb=; x=1"], [""], ["x=1"]],
  ["with equals signs in it", ["lb=a=b=="], ["a=b=="], []],
  ["twice in a line", ["lb=a; x=1; lb=b"], ["a", "b"], ["x=1"]],
  ["in two lines", ["lb=a", "x=1; lb=b"], ["a", "b"], ["x=1"]],
  ["beside a line without it", ["x=1", "lb=a", "y=2"], ["a"], ["x=1", "y=2"]],
  ["behind names that begin or end like it", ["lb2=x; alb=y; lb=a"], ["a"], ["lb2=x; alb=y"]],
  ["beside its name in a value", ["x=lb=b; lb=a"], ["a"], ["x=lb=b"]],
  ["beside what is no pair", ["lb; lb=a; ;x"], ["a"], ["lb; ;x"]],
  ["beside odd bytes", ["x=\xe9\xa0; lb=a; y=\xa0"], ["a"], ["x=\xe9\xa0; y=\xa0"]],
];

for (const [why, lines, values, others] of FOUND) {
  Deno.test(`findCookie() finds a cookie ${why}`, () => {
    assert.deepEqual(findCookie(lines, "lb"), { values, others });
  });
}

const NOT_FOUND: readonly [why: string, lines: string[]][] = [
  ["without a line", []],
  ["in an empty line", [""]],
  ["in another case", ["LB=a; Lb=b"]],
  ["of which the name is a prefix", ["lb2=a; lb-x=b; lb.=c"]],
  ["that ends with the name", ["xlb=a"]],
  ["in another's value", ["x=lb=a"]],
  ["of a name alone", ["lb"]],
  ["of a name alone that is longer", ["lbx"]],
  ["of a name behind a comma", ["x=1,lb=a"]],
  ["behind a blank of another kind", ["x=1;\xa0lb=a"]],
];

for (const [why, lines] of NOT_FOUND) {
  Deno.test(`findCookie() finds no cookie ${why}`, () => {
    assert.equal(findCookie(lines, "lb"), undefined);
  });
}

Deno.test("findCookie() takes as long as a line is, whatever is in it", () => {
  const blanks = " ".repeat(2 ** 20);
  const other = `x=1${blanks}2`;
  assert.deepEqual(findCookie([`lb=a; ${other}`], "lb"), { values: ["a"], others: [other] });
});

Deno.test("setCookie() says how long, and how safe, a cookie is", () => {
  const cookie = { name: "lb", value: "x_-1", maxAge: 3600, secure: true };
  const safe = "lb=x_-1; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax";
  assert.equal(setCookie(cookie), safe);
  assert.equal(setCookie({ ...cookie, secure: false }), safe.replace(" Secure;", ""));
});
