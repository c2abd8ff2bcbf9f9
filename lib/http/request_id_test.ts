import assert from "node:assert/strict";
import { field } from "./field.ts";
import { requestId } from "./request_id.ts";

const ids = (...values: readonly string[]) => values.map((value) => field("X-Request-Id", value));

Deno.test("requestId() passes a well-formed id on", () => {
  const longest = "a".repeat(128);
  for (const id of ["a", "0af7651916cd43dd-1", "urn:uuid:1/2+3=", "a.b_c@d", longest]) {
    assert.equal(requestId(ids(id)), id);
  }
});

Deno.test("requestId() makes one where there is none, or none to be passed on", () => {
  const bad = ["", "a b", 'a"', "a\\b", "<a>", "a,b", "\xe9", "a".repeat(129)].map((id) => ids(id));
  const made = [[], ...bad, ids("a", "a")].map((fields) => requestId(fields));
  for (const id of made) assert.match(id, /^[0-9a-f]{8}-[0-9a-z]+$/);
  assert.equal(new Set(made).size, made.length);
});
