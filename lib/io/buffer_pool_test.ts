import assert from "node:assert/strict";
import { BufferPool } from "./buffer_pool.ts";

Deno.test("BufferPool gives one that was given back, and no buffer twice", () => {
  const pool = new BufferPool(100, { maxBytes: 1_000 });
  const buffer = pool.take();
  assert.equal(buffer.length, 100);
  pool.give(buffer);
  assert.equal(pool.take(), buffer);
  assert.notEqual(pool.take(), buffer);
});

Deno.test("BufferPool keeps only buffers of its size", () => {
  const pool = new BufferPool(100, { maxBytes: 1_000 });
  for (const odd of [new Uint8Array(10), new Uint8Array(0), pool.take().subarray(1)]) {
    pool.give(odd);
    assert.notEqual(pool.take(), odd);
  }
});

Deno.test("BufferPool keeps no more than so many bytes", () => {
  const pool = new BufferPool(100, { maxBytes: 1_099 });
  const given = new Set(Array.from({ length: 20 }, () => new Uint8Array(100)));
  for (const buffer of given) pool.give(buffer);
  const taken = Array.from({ length: 20 }, () => pool.take());
  assert.equal(taken.filter((buffer) => given.has(buffer)).length, 10);
});
