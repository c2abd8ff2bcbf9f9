import assert from "node:assert/strict";
import { slowStartShare } from "./slow_start.ts";

Deno.test("slowStartShare() grows from a tenth to the whole", () => {
  const shares = [0, 500, 1000, 2500, 5000, 9999, 10_000, 1e9];
  const expected = [0.1, 0.1, 0.1, 0.25, 0.5, 0.9999, 1, 1];
  assert.deepEqual(shares.map((elapsed) => slowStartShare(elapsed, 10_000)), expected);
});

Deno.test("slowStartShare() is the whole at once without a duration", () => {
  assert.equal(slowStartShare(0, 0), 1);
});
