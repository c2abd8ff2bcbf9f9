import assert from "node:assert/strict";
import { hopsLeft, nextMaxForwards } from "./max_forwards.ts";

const CASES: readonly [method: string, values: readonly string[], left: number | undefined][] = [
  ["OPTIONS", ["0"], 0],
  ["OPTIONS", ["00"], 0],
  ["OPTIONS", ["10"], 10],
  ["TRACE", ["1"], 1],
  ["OPTIONS", ["3", "2"], 2],
  ["OPTIONS", ["9".repeat(40)], 1_000_000],
  ["OPTIONS", [], undefined],
  ["OPTIONS", [""], undefined],
  ["OPTIONS", ["-1", "+1", "1.0", "0x1", "1, 0"], undefined],
  ["GET", ["0"], undefined],
  ["options", ["0"], undefined],
];

for (const [method, values, left] of CASES) {
  Deno.test(`hopsLeft() is ${left} for ${method} with ${values.join(" and ").slice(0, 20)}`, () => {
    assert.equal(hopsLeft(method, values), left);
  });
}

Deno.test("nextMaxForwards() is one hop fewer (RFC 9110 7.6.2)", () => {
  assert.deepEqual([1, 10].map(nextMaxForwards), ["0", "9"]);
});
