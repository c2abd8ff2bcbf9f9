import assert from "node:assert/strict";
import fc from "fast-check";
import { GrowingBytes } from "./growing_bytes.ts";

Deno.test("GrowingBytes has all that was added, in order", () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 50 }));
  fc.assert(
    fc.property(pieces, fc.nat(20), (pieces, room) => {
      const growing = new GrowingBytes(room);
      const all: number[] = [];
      for (const piece of pieces) {
        all.push(...piece);
        assert.deepEqual([...growing.add(piece)], all);
      }
    }),
  );
});
