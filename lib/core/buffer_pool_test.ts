import assert from "node:assert/strict";
import { giveBuffer, POOLED_BYTES, takeBuffer } from "./buffer_pool.ts";

/** Takes buffers until the pool is empty, for what follows. */
function drain(): void {
  const seen = new Set<Uint8Array>();
  for (let i = 0; i < 200; i++) seen.add(takeBuffer());
}

Deno.test("takeBuffer() gives one that was given back, and no buffer twice", () => {
  drain();
  const buffer = takeBuffer();
  assert.equal(buffer.length, POOLED_BYTES);
  giveBuffer(buffer);
  assert.equal(takeBuffer(), buffer);
  assert.notEqual(takeBuffer(), buffer);
});

Deno.test("giveBuffer() keeps only buffers of the pool's size", () => {
  drain();
  for (const odd of [new Uint8Array(10), takeBuffer().subarray(1)]) {
    giveBuffer(odd);
    assert.notEqual(takeBuffer(), odd);
  }
});

Deno.test("giveBuffer() keeps a bounded number of buffers", () => {
  drain();
  const given = new Set(Array.from({ length: 200 }, () => new Uint8Array(POOLED_BYTES)));
  for (const buffer of given) giveBuffer(buffer);
  const taken = Array.from({ length: 200 }, takeBuffer).filter((buffer) => given.has(buffer));
  assert.equal(taken.length, 128);
});
