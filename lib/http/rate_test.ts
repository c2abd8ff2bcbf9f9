import assert from "node:assert/strict";
import { parseRate } from "./rate.ts";

Deno.test("parseRate() gives the milliseconds between two", () => {
  const rates: [text: string, interval: number][] = [
    ["1/s", 1000],
    ["100/s", 10],
    ["5/m", 12_000],
    ["1000/h", 3600],
    ["1/d", 86_400_000],
    ["9999999/s", 1000 / 9_999_999],
  ];
  for (const [text, interval] of rates) assert.equal(parseRate(text), interval, text);
});

Deno.test("parseRate() takes nothing else", () => {
  const wrong = ["", "1", "/s", "0/s", "00/m", "-1/s", "1.5/s", "1/w", "1/", "1/S", "1 /s"];
  for (const text of [...wrong, "10000000/s", "1/s ", " 1/s", "1/sec", "x1/s"]) {
    assert.equal(parseRate(text), undefined, text);
  }
});
