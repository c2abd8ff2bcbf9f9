import assert from "node:assert/strict";
import { slowestLater } from "./http1.ts";

Deno.test("slowestLater() leaves out the half that began first, however slow", () => {
  const requests = [
    { began: 40, took: 3 },
    { began: 11, took: 700 },
    { began: 30, took: 9 },
    { began: 10, took: 900 },
  ];
  assert.equal(slowestLater(requests), 9);
});
