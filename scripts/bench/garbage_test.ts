import assert from "node:assert/strict";
import { allocatedBytes } from "./garbage.ts";

const REST = "(5.2) MB, pooled: 0.0 MB, 0.10 / 0.00 ms (average mu = 1.000) allocation failure; ";

Deno.test("allocatedBytes() adds what each heap has grown by between collections", () => {
  const trace = [
    `[7:0x5648] 203 ms: Scavenge 3.5 (4.2) -> 2.5 ${REST}`,
    `[7:0x7f75] 137 ms: Scavenge 4.0 (4.8) -> 3.0 ${REST}`,
    `[7:0x5648] 209 ms: Scavenge 4.5 (5.2) -> 2.5 ${REST}`,
    "a line of something else",
    `[7:0x7f75] 150 ms: Mark-Compact (reduce) 3.5 (4.8) -> 2.0 ${REST}`,
    `[7:0x7f75] 160 ms: Scavenge (interleaved) 3.0 (4.8) -> 3.0 ${REST}`,
  ].join("\n");
  assert.equal(allocatedBytes(trace), (2 + 0.5 + 1) * 1024 * 1024);
});

Deno.test("allocatedBytes() finds nothing where nothing was collected", () => {
  assert.equal(allocatedBytes(""), 0);
  assert.equal(allocatedBytes(`[7:0x5648] 203 ms: Scavenge 3.5 (4.2) -> 2.5 ${REST}`), 0);
});
