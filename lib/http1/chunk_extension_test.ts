import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeLatin1 } from "../core/latin1.ts";
import { ChunkExtension } from "./chunk_extension.ts";

/** What is said of the last byte; "bad" ends it. */
function read(text: string): string {
  const extension = new ChunkExtension();
  let last = "more";
  for (const byte of encodeLatin1(text)) {
    last = extension.feed(byte);
    if (last !== "more") break;
  }
  return last;
}

const GOOD = [
  "a",
  "a=b",
  'a="b"',
  'a=""',
  'a="b;c=d"',
  'a="\\""',
  'a="\\\\"',
  'a="\xe9\t ,/"',
  "a;b;c=d;e",
  " a",
  "\ta",
  "a =b",
  "a= b",
  "a=b ;c",
  "a ;c",
  'a="b" ;c',
  "!#$%&'*+-.^_`|~09azAZ=!#$%&'*+-.^_`|~09azAZ",
];

const BAD = [
  "",
  ";",
  ";a",
  "a;",
  "a;;b",
  "=",
  "=b",
  "a=",
  "a=;b",
  "a==b",
  "a=b=c",
  "a b",
  "a=b c",
  "a ",
  "a=b ",
  'a="b" ',
  'a="b',
  'a="b\\"',
  'a="b"c',
  'a=b"c"',
  '"a"',
  "a,b",
  "a=b,c",
  "a/b",
  "\xe9",
  "a=\xe9",
  "a\0",
  'a="\0"',
  'a="\\\0"',
  'a="\x7f"',
  "a\n",
  'a="\n"',
];

for (const text of GOOD) {
  Deno.test(`ChunkExtension.feed() takes ${JSON.stringify(text)} (RFC 9112 7.1.1)`, () => {
    assert.equal(read(text), "more");
    assert.equal(read(text + "\r"), "end");
  });
}

for (const text of BAD) {
  Deno.test(`ChunkExtension.feed() refuses ${JSON.stringify(text)} (RFC 9112 7.1.1)`, () => {
    assert.equal(read(text + "\r"), "bad");
  });
}

Deno.test("ChunkExtension.feed() takes what the grammar takes", () => {
  const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
  const quoted = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t -\\x7e\\x80-\\xff])*"';
  const name = `[\\t ]*${token}`;
  const value = `[\\t ]*=[\\t ]*(?:${token}|${quoted})`;
  const grammar = new RegExp(`^${name}(?:${value})?(?:[\\t ]*;${name}(?:${value})?)*$`);
  const text = fc.string({ unit: fc.constantFrom(...'ab=; \t"\\,\xe9\n'), maxLength: 12 });
  fc.assert(
    fc.property(text, (text) => {
      assert.equal(read(text + "\r") === "end", grammar.test(text), text);
    }),
    { numRuns: 3000 },
  );
});
