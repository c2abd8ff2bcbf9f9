import assert from "node:assert/strict";
import { PARTING_GRACE_MS, PartingGrace } from "./parting_grace.ts";

const QUIET = { written: 7, isWriting: false };

Deno.test("PartingGrace.look() says that a client is gone when nothing was sent for 1.5 s", () => {
  const grace = new PartingGrace(1_000, 7);
  const looks = [1_000, 1_100, 2_499, 2_500, 2_600].map((now) => grace.look(now, QUIET));
  assert.deepEqual(looks, [false, false, false, true, true]);
});

Deno.test("PartingGrace.look() begins anew with each byte, and while some are on their way", () => {
  const grace = new PartingGrace(0, 7);
  const over = PARTING_GRACE_MS;
  assert.equal(grace.look(over, { written: 8, isWriting: false }), false);
  assert.equal(grace.look(2 * over - 1, { written: 8, isWriting: false }), false);
  assert.equal(grace.look(2 * over, { written: 8, isWriting: true }), false);
  assert.equal(grace.look(9 * over, { written: 8, isWriting: true }), false);
  assert.equal(grace.look(10 * over - 1, { written: 8, isWriting: false }), false);
  assert.equal(grace.look(10 * over, { written: 8, isWriting: false }), true);
});
