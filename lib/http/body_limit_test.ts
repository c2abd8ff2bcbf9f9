import assert from "node:assert/strict";
import { bodyTooLarge, isBeyond } from "./body_limit.ts";

Deno.test("isBeyond() lets a body have as many bytes as it may, and any where there is no limit", () => {
  const cases: [bytes: number, limit: number, beyond: boolean][] = [
    [9, 10, false],
    [10, 10, false],
    [11, 10, true],
    [1, 1, false],
    [2, 1, true],
    [0, 0, false],
    [2 ** 40, 0, false],
  ];
  for (const [bytes, limit, beyond] of cases) {
    assert.equal(isBeyond(bytes, limit), beyond, `${bytes} of ${limit}`);
  }
});

Deno.test("bodyTooLarge() says how much is allowed", () => {
  const { code, message } = bodyTooLarge(1);
  assert.deepEqual([code, message], ["body_too_large", "The body is larger than 1 byte"]);
});
