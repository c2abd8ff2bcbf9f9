import assert from "node:assert/strict";
import { isSameBytes, joinBytes } from "./bytes.ts";

Deno.test("joinBytes() puts pieces behind each other, and copies none that is alone", () => {
  const [a, b, none] = [Uint8Array.of(1, 2), Uint8Array.of(3), new Uint8Array(0)];
  assert.deepEqual(joinBytes([a, none, b]), Uint8Array.of(1, 2, 3));
  assert.deepEqual(joinBytes([]), none);
  assert.equal(joinBytes([a]), a);
});

Deno.test("isSameBytes() looks at every byte, and at how many there are", () => {
  const a = Uint8Array.of(1, 2);
  assert.ok(isSameBytes(a, Uint8Array.of(1, 2)));
  for (const other of [[1], [1, 3], [1, 2, 0], []]) {
    assert.ok(!isSameBytes(a, Uint8Array.from(other)));
    assert.ok(!isSameBytes(Uint8Array.from(other), a));
  }
});
