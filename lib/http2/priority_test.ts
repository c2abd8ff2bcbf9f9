import assert from "node:assert/strict";
import { parsePriority } from "./priority.ts";

const CASES: readonly [value: string, urgency: number, incremental: boolean][] = [
  ["", 3, false],
  ["u=0", 0, false],
  ["u=7, i", 7, true],
  ["i, u=5", 5, true],
  ["i=?1", 3, true],
  ["i=?0", 3, false],
  // the last of a key counts (RFC 9651, section 4.2.2)
  ["i, i=?0", 3, false],
  ["u=1,u=2", 2, false],
  ["\tu=1 ;x=1 ,\ti;y", 1, true],
  // what is malformed or unknown is not there
  ["u=8", 3, false],
  ["u=-1", 3, false],
  ["u=10", 3, false],
  ["u", 3, false],
  ["U=1, I", 3, false],
  ["i=1, u=1.0", 3, false],
  ["a=1, b;u=1, =i", 3, false],
];

for (const [value, urgency, incremental] of CASES) {
  Deno.test(`parsePriority() reads "${value}"`, () => {
    assert.deepEqual(parsePriority(value), { urgency, incremental });
  });
}
