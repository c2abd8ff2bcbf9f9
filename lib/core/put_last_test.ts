import assert from "node:assert/strict";
import { putLast } from "./put_last.ts";

Deno.test("putLast() keeps so many, those that were put there last", () => {
  const map = new Map<string, number>();
  const gone = ["a", "b", "a", "c", "d", "b"].map((key, at) => putLast(map, [key, at], 3));
  assert.deepEqual(gone, [undefined, undefined, undefined, undefined, "b", "a"]);
  assert.deepEqual([...map], [["c", 3], ["d", 4], ["b", 5]]);
});
