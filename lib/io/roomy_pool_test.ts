import assert from "node:assert/strict";
import { POOLED_BYTES } from "./buffer_pool.ts";
import { HEAD_ROOM, RoomyBuffer, spaceOf, TAIL_ROOM } from "./roomy_buffer.ts";
import { giveRoomy, growRoomy, takeRoomy } from "./roomy_pool.ts";

for (const bytes of [2048, 4096, 8192, 16384, 32768, POOLED_BYTES]) {
  Deno.test(`takeRoomy() gives one of ${bytes} bytes that was given back, to one user`, () => {
    const buffer = takeRoomy(bytes);
    assert.equal(buffer.bytes.length, HEAD_ROOM + bytes + TAIL_ROOM);
    assert.equal(spaceOf(buffer, HEAD_ROOM).length, bytes);
    giveRoomy(buffer);
    assert.equal(takeRoomy(bytes), buffer);
    assert.notEqual(takeRoomy(bytes), buffer);
  });

  Deno.test(`giveRoomy() keeps no more than some MiB of buffers of ${bytes} bytes`, () => {
    const given = new Set(Array.from({ length: 10_000 }, () => new RoomyBuffer(520 + bytes)));
    for (const buffer of given) giveRoomy(buffer);
    let count = 0;
    while (given.has(takeRoomy(bytes))) count++;
    assert.ok(count > 10, `${count}`);
    assert.ok(count * bytes <= 9 * 1024 * 1024, `${count}`);
  });
}

Deno.test("giveRoomy() keeps only buffers of its kinds", () => {
  for (const size of [0, 520, 2048, 5000, 2 * POOLED_BYTES]) {
    const odd = new RoomyBuffer(size);
    giveRoomy(odd);
    assert.notEqual(takeRoomy(size - HEAD_ROOM - TAIL_ROOM), odd);
  }
});

Deno.test("growRoomy() keeps every byte in its place, and the view with them", () => {
  let buffer = takeRoomy(2048);
  const sizes = [4096, 8192, 16384, 32768, 65536, 131_072];
  for (const bytes of sizes) {
    const filled = buffer.bytes.length - TAIL_ROOM;
    for (let at = 0; at < filled; at++) buffer.bytes[at] = at % 251;
    const before = buffer.bytes.slice(0, filled);
    buffer = growRoomy(buffer, filled);
    assert.equal(spaceOf(buffer, HEAD_ROOM).length, bytes);
    assert.deepEqual(buffer.bytes.subarray(0, filled), before);
    assert.equal(buffer.view.getUint8(600), 600 % 251);
  }
});
