import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeLatin1, encodeLatin1, writeLatin1 } from "./latin1.ts";

Deno.test("writeLatin1() writes one byte a character, and nothing before them", () => {
  const character = fc.oneof(
    fc.constantFrom("a", "\r", "\n"),
    fc.nat(255).map((code) => String.fromCharCode(code)),
  );
  // longer ones are written in another way
  const text = fc.oneof(
    fc.string({ unit: character, maxLength: 20 }),
    fc.string({
      unit: fc.oneof({ arbitrary: fc.constant("a"), weight: 50 }, character),
      minLength: 40,
    }),
  );
  fc.assert(fc.property(text, fc.nat(3), fc.nat(3), (text, before, behind) => {
    const into = new Uint8Array(before + text.length + behind).fill(7);
    writeLatin1(text, into, before);
    const bytes = [...text].map((character) => character.charCodeAt(0));
    assert.deepEqual([...into.subarray(0, before + text.length)], [
      ...Array(before).fill(7),
      ...bytes,
    ]);
  }));
});

Deno.test("decodeLatin1() gives one character for each of the 256 bytes", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const text = decodeLatin1(bytes);
  assert.deepEqual(Array.from(text, (character) => character.codePointAt(0)), [...bytes]);
  assert.deepEqual(encodeLatin1(text), bytes);
});

Deno.test("decodeLatin1() keeps what looks like UTF-8 or a byte order mark apart", () => {
  assert.equal(decodeLatin1(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), "\xef\xbb\xbfa");
  assert.equal(decodeLatin1(Uint8Array.of(0xc3, 0xa9)), "\xc3\xa9");
});

Deno.test("decodeLatin1() takes a megabyte above ASCII", () => {
  const text = "\xe9\xff".repeat(500_000);
  assert.ok(decodeLatin1(encodeLatin1(text)) === text);
});

Deno.test("decodeLatin1() after encodeLatin1() is identity", () => {
  const latin1 = fc.uint8Array({ maxLength: 100 }).map((bytes) => String.fromCharCode(...bytes));
  fc.assert(fc.property(latin1, (text) => assert.equal(decodeLatin1(encodeLatin1(text)), text)));
});
