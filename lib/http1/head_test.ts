import assert from "node:assert/strict";
import fc from "fast-check";
import {
  encodeResponseHead,
  parseRequestHead,
  parseResponseHead,
  parseTrailers,
  requestHeadText,
} from "./head.ts";
import { field, fieldLines, hasToken, valuesOf } from "../http/field.ts";
import { encodeLatin1 } from "../core/latin1.ts";

const TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~09AZaz";
const names = fc.string({
  unit: fc.constantFrom(...TOKEN_CHARACTERS),
  minLength: 1,
  maxLength: 10,
});
/** Bytes that a value may hold, without white space at its ends. */
const values = fc.array(fc.constantFrom(...'aZ09:;,"\\ \t\x80\xa0\xe9\xff'), { maxLength: 10 })
  .map((characters) => characters.join("").replace(/^[ \t]+|[ \t]+$/g, ""));
const fields = fc.array(fc.tuple(names, values).map(([name, value]) => field(name, value)), {
  maxLength: 8,
});

Deno.test("parseRequestHead() after requestHeadText() is identity", () => {
  fc.assert(fc.property(names, fields, (method, fields) => {
    const head = { method, target: "/a?b", fields };
    assert.deepEqual(parseRequestHead(encodeLatin1(requestHeadText(head)), 8), {
      ...head,
      minor: 1,
    });
  }));
});

Deno.test("parseResponseHead() after encodeResponseHead() is identity", () => {
  const statuses = fc.integer({ min: 100, max: 599 });
  fc.assert(fc.property(statuses, values, fields, (status, reason, fields) => {
    const head = { status, reason, fields };
    assert.deepEqual(parseResponseHead(encodeResponseHead(head), 8), { ...head, minor: 1 });
  }));
});

Deno.test("parseTrailers() after fieldLines() is identity", () => {
  fc.assert(fc.property(fields, (fields) => {
    const bytes = encodeLatin1(`${fieldLines(fields)}\r\n`);
    assert.deepEqual(parseTrailers(bytes, 8, "bad_field"), fields);
  }));
});

Deno.test("parseTrailers() blames whom it is told to", () => {
  const malformed = encodeLatin1("A\r\n\r\n");
  for (const code of ["bad_field", "bad_response"] as const) {
    assert.throws(() => parseTrailers(malformed, 8, code), { name: "ProxyError", code });
  }
});

Deno.test("parseTrailers() says of a folded line that it is one (RFC 9112 5.2)", () => {
  for (const line of [" b", "\tb: c"]) {
    assert.throws(
      () => parseTrailers(encodeLatin1(`A: a\r\n${line}\r\n\r\n`), 8, "bad_field"),
      { code: "bad_field", message: /begins with white space/ },
    );
  }
});

Deno.test("parseResponseHead() mends folds and white space before colons (RFC 9112 5.1, 5.2)", () => {
  const fieldsOf = (...lines: readonly string[]) => {
    const bytes = encodeLatin1(["HTTP/1.1 200 OK", ...lines, "", ""].join("\r\n"));
    return parseResponseHead(bytes, 8).fields;
  };
  const cases: readonly [lines: readonly string[], fields: readonly [string, string][]][] = [
    [["A: b", " c"], [["A", "b c"]]],
    [["A: b", "\t \tc\t", "B: d"], [["A", "b c"], ["B", "d"]]],
    [["A: b", " c", "  d: e"], [["A", "b c d: e"]]],
    [["A:", " b"], [["A", "b"]]],
    [["A: b", " "], [["A", "b"]]],
    [["A: b", " ", "\t", " c"], [["A", "b c"]]],
    [["A : b"], [["A", "b"]]],
    [["A :b", "B:c ", "C: "], [["A", "b"], ["B", "c"], ["C", ""]]],
    [["Content-Length \t :3"], [["Content-Length", "3"]]],
    [["Connection : X-A", "X-A\t:"], [["Connection", "X-A"], ["X-A", ""]]],
  ];
  for (const [lines, fields] of cases) {
    // as if they had been written well: name, meaning, value and line
    assert.deepEqual(fieldsOf(...lines), fields.map(([name, value]) => field(name, value)));
  }
  // a fold is no field of its own
  assert.equal(fieldsOf(...Array(8).fill("A: b"), " c").length, 8);
  assert.throws(() => fieldsOf(...Array(9).fill("A: b")), { code: "answer_has_too_many_fields" });
});

Deno.test("parseRequestHead() mends nothing (RFC 9112 5.1, 5.2)", () => {
  for (const lines of ["A: b\r\n c", "A : b", "A\t: b", "A:\r\n\tb"]) {
    const bytes = encodeLatin1(`GET / HTTP/1.1\r\n${lines}\r\n\r\n`);
    assert.throws(() => parseRequestHead(bytes, 8), { code: "bad_field" }, lines);
  }
});

Deno.test("parseRequestHead() says what a request line is where it has not three words", () => {
  const lines = ["GET", "GET /", "GET  / HTTP/1.1", "GET / HTTP/1.1 ", "GET / a HTTP/1.1"];
  for (const line of lines) {
    for (const fields of ["", "Host: a\r\n", "Host: a\r\nA: b\r\n"]) {
      const bytes = encodeLatin1(`${line}\r\n${fields}\r\n`);
      assert.throws(() => parseRequestHead(bytes, 8), {
        code: "bad_request_line",
        message: "The request line is not METHOD TARGET VERSION",
      }, line);
    }
  }
});

Deno.test("parseRequestHead() says of a PROXY header what it is", () => {
  const header = "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n";
  assert.throws(() => parseRequestHead(encodeLatin1(`${header}GET / HTTP/1.1\r\n\r\n`), 8), {
    code: "bad_request_line",
    message: "A PROXY header came where a request was expected",
  });
});

Deno.test("field() keeps the name and adds it in lower case", () => {
  const line = "X-A_b: C\r\n";
  assert.deepEqual(field("X-A_b", "C"), { name: "X-A_b", key: "x-a_b", role: 0, value: "C", line });
});

Deno.test("valuesOf() gives the value of every line of a field, in order", () => {
  const fields = [field("A", "1"), field("B", "2"), field("a", "3"), field("A-", "4")];
  assert.deepEqual(valuesOf(fields, "a"), ["1", "3"]);
  assert.deepEqual(valuesOf(fields, "c"), []);
});

Deno.test("hasToken() finds a token in a list on any line, whatever its case (RFC 9110 5.6.1)", () => {
  const cases: readonly [lines: readonly string[], found: boolean][] = [
    [["close"], true],
    [["CLOSE"], true],
    [["keep-alive, Close"], true],
    [[" ,, close\t,"], true],
    [["keep-alive", "close"], true],
    [[], false],
    [[""], false],
    [["closed"], false],
    [["not close"], false],
    [["close;q=1"], false],
    [['"close"'], false],
  ];
  for (const [lines, found] of cases) {
    const fields = lines.map((value) => field("Connection", value));
    assert.equal(hasToken(fields, "connection", "close"), found, lines.join(" | "));
  }
});

Deno.test("hasToken() looks at whole members of lists of one field", () => {
  const fields = [field("A", "x, Y ,z"), field("B", "w"), field("a", "v")];
  for (const token of ["x", "y", "z", "v"]) assert.equal(hasToken(fields, "a", token), true, token);
  for (const token of ["w", "x, y", "", "xy"]) {
    assert.equal(hasToken(fields, "a", token), false, token);
  }
  assert.equal(hasToken([field("A", "xy")], "a", "x"), false);
});
