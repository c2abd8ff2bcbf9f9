import assert from "node:assert/strict";
import { agreeing, plural } from "./plural.ts";

Deno.test("plural() tells one thing from any other count of them", () => {
  assert.deepEqual([0, 1, 2].map((count) => plural(count, "line")), [
    "0 lines",
    "1 line",
    "2 lines",
  ]);
});

Deno.test("agreeing() says of one thing what it is, and of others what they are", () => {
  assert.deepEqual([0, 1, 2].map((count) => agreeing(count, "is", "are")), ["are", "is", "are"]);
});
