import assert from "node:assert/strict";
import { median, percentile } from "./statistics.ts";

Deno.test("median() does not care for order or outliers", () => {
  assert.equal(median([3, 900, 1]), 3);
  assert.equal(median([4, 1, 2, 900]), 3);
  assert.equal(median([7]), 7);
  assert.equal(median([]), undefined);
});

Deno.test("percentile() is a value that was measured", () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index);
  assert.equal(percentile(values, 50), 100);
  assert.equal(percentile(values, 99), 198);
  assert.equal(percentile([7], 99), 7);
  assert.ok(Number.isNaN(percentile([], 50)));
});
