import assert from "node:assert/strict";
import { keepAliveTimeout } from "./keep_alive.ts";

/** Values of `Keep-Alive`, and the milliseconds that they say (RFC 2068, section 19.7.1). */
const CASES: readonly [values: readonly string[], milliseconds: number | undefined][] = [
  [["timeout=5"], 5000],
  [["timeout=0"], 0],
  [["max=100, timeout=15"], 15_000],
  [["max=100;timeout=15"], 15_000],
  [["max=100", "timeout=15"], 15_000],
  [['Timeout \t= "30", max=1'], 30_000],
  [["timeout=123456789"], 123_456_789_000],
  // more than nine digits are as good as these
  [["timeout=1234567890"], 123_456_789_000],
  [[], undefined],
  [[""], undefined],
  [["max=5"], undefined],
  [["timeout="], undefined],
  [["timeout=a"], undefined],
  [["timeout=-5"], undefined],
  [["x-timeout=5"], undefined],
];

for (const [values, milliseconds] of CASES) {
  Deno.test(`keepAliveTimeout() of ${JSON.stringify(values)} is ${milliseconds}`, () => {
    assert.equal(keepAliveTimeout(values), milliseconds);
  });
}
