import assert from "node:assert/strict";
import { REMEMBERED_RESETS } from "./budgets.ts";
import { PastStreams } from "./past_streams.ts";

Deno.test("PastStreams.stateOf() tells streams that we have reset from those that ended", () => {
  const past = new PastStreams();
  past.addReset(3);
  assert.deepEqual([1, 3, 5].map((id) => past.stateOf(id)), ["closed", "reset", "closed"]);
});

Deno.test("PastStreams.stateOf() takes all for reset that are as old as one that was forgotten", () => {
  const past = new PastStreams();
  const last = 9 + 2 * REMEMBERED_RESETS;
  for (let id = 9; id <= last; id += 2) past.addReset(id);
  assert.deepEqual([1, 9, 10, 11, last].map((id) => past.stateOf(id)), [
    "reset",
    "reset",
    "closed",
    "reset",
    "reset",
  ]);
});

Deno.test("PastStreams.stateOf() forgets in the order of resets, not of streams", () => {
  const past = new PastStreams();
  past.addReset(1001);
  past.addReset(1);
  for (let id = 2001; id < 2001 + 2 * REMEMBERED_RESETS; id += 2) past.addReset(id);
  assert.equal(past.stateOf(999), "reset");
  assert.equal(past.stateOf(1003), "closed");
});
