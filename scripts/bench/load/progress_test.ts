import assert from "node:assert/strict";
import { parseProgress, tenthsOf } from "./progress.ts";

Deno.test("parseProgress() reads what h2load says, and no other line", () => {
  assert.equal(parseProgress("progress: 10% done"), 10);
  assert.equal(parseProgress("progress: 100% done"), 100);
  for (const line of ["", "progress: done", "finished in 1s", " progress: 10% done, or so"]) {
    assert.equal(parseProgress(line), undefined, line);
  }
});

Deno.test("tenthsOf() tells of each tenth once, with the thing that completes it", () => {
  for (const total of [10, 20, 37, 1000]) {
    const told: (readonly [number, number])[] = [];
    let done = 0;
    const step = tenthsOf(total, (percent) => told.push([percent, done]));
    for (done = 1; done <= total; done++) step();
    const expected = Array.from({ length: 10 }, (_, i) => {
      return [(i + 1) * 10, Math.ceil((i + 1) * total / 10)];
    });
    assert.deepEqual(told, expected, `${total}`);
  }
});
