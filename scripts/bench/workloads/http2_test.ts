import assert from "node:assert/strict";
import { amidDownloads } from "./http2.ts";

Deno.test("amidDownloads() gives what was over before any download was", () => {
  const requests = [
    { began: 13, took: 2 },
    { began: 10, took: 50 },
    // begins with a download, and is over sooner
    { began: 11, took: 1 },
    { began: 11, took: 20 },
    { began: 16, took: 14 },
    // over at the same time as the first download, then behind it
    { began: 30, took: 1 },
    { began: 32, took: 5 },
  ];
  assert.deepEqual(amidDownloads(requests, 2), [1, 2, 14]);
  assert.deepEqual(amidDownloads([], 2), []);
});
