import assert from "node:assert/strict";
import { message } from "./grpc.ts";

Deno.test("message() puts its length before it, behind a byte that says it is not compressed", () => {
  assert.deepEqual([...message(3)], [0, 0, 0, 0, 3, 0, 0, 0]);
  assert.deepEqual([...message(258)].slice(0, 5), [0, 0, 0, 1, 2]);
});
