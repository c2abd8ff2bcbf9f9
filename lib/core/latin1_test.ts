import assert from "node:assert/strict";
import fc from "fast-check";
import { writeLatin1 } from "./latin1.ts";

Deno.test("writeLatin1() writes one byte a character, and nothing before them", () => {
  const character = fc.oneof(
    fc.constantFrom("a", "\r", "\n"),
    fc.nat(255).map((code) => String.fromCharCode(code)),
  );
  const text = fc.string({ unit: character, maxLength: 20 });
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
