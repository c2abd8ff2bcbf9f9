import assert from "node:assert/strict";
import * as fc from "fast-check";
import { derElement, derElements } from "./der.ts";

Deno.test("derElement() takes lengths of every form, and nothing that is cut short", () => {
  for (const length of [0, 1, 127, 128, 255, 256, 65535, 65536]) {
    const header = length < 128 ? [length] : length < 256 ? [0x81, length] : [
      0x83,
      length >> 16,
      length >> 8 & 0xff,
      length & 0xff,
    ];
    const bytes = new Uint8Array([0x30, ...header, ...new Uint8Array(length), 0xff]);
    const element = derElement(bytes);
    assert.equal(element?.content.length, length);
    assert.equal(element?.whole.length, bytes.length - 1);
    assert.equal(derElement(bytes.subarray(0, bytes.length - 2)), undefined);
  }
  assert.deepEqual(derElement(new Uint8Array([4, 0x84, 0, 0, 0, 1, 7, 9])), {
    tag: 4,
    whole: new Uint8Array([4, 0x84, 0, 0, 0, 1, 7]),
    content: new Uint8Array([7]),
  });
  const noElements = [[], [0x30], [0x30, 0x80, 0, 0], [0x30, 0x85, 0, 0, 0, 0, 0]];
  // a length that is not there in full, though what is there of it would do
  for (const bytes of [...noElements, [0x30, 0x81], [0x30, 0x82, 0], [0x30, 0x84, 0, 0, 0]]) {
    assert.equal(derElement(new Uint8Array(bytes)), undefined);
  }
});

Deno.test("derElements() gives elements in their order, as far as they are whole", () => {
  const tags = (...bytes: number[]) =>
    derElements(new Uint8Array(bytes)).map(({ tag, content }) => [tag, ...content]);
  assert.deepEqual(tags(), []);
  assert.deepEqual(tags(2, 1, 5, 5, 0, 4, 2, 6, 7), [[2, 5], [5], [4, 6, 7]]);
  assert.deepEqual(tags(2, 1, 5, 4, 2, 6), [[2, 5]]);
});

Deno.test("derElements() ends whatever it is given", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    const total = derElements(new Uint8Array(bytes))
      .reduce((sum, { whole }) => sum + whole.length, 0);
    assert.ok(total <= bytes.length);
  }));
});
