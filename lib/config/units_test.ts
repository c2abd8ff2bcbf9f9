import assert from "node:assert/strict";
import { nearest } from "./suggest.ts";
import { parseDuration, parseSize } from "./units.ts";

Deno.test("parseDuration() reads milliseconds to hours and nothing else", () => {
  const cases = { "300ms": 300, "5s": 5_000, "1.5s": 1_500, "10m": 600_000, "1h": 3_600_000 };
  const more = {
    "30d": 2_592_000_000,
    "0s": 0,
    "1.001s": 1_001,
    "0.5ms": 1,
    "999999999ms": 999_999_999,
  };
  for (const [text, ms] of Object.entries({ ...cases, ...more })) {
    assert.equal(parseDuration(text), ms, text);
  }
  for (
    const text of [
      "",
      "5",
      "s",
      "5 s",
      "-5s",
      "5S",
      "1e3s",
      "5sec",
      "5s5s",
      "5constructor",
      "1.s",
      ".5s",
      "1.2345s",
      "1000000000ms",
    ]
  ) {
    assert.equal(parseDuration(text), undefined, text);
  }
});

Deno.test("parseSize() reads bytes in powers of 1024 and nothing else", () => {
  const cases = { "512B": 512, "16KiB": 16_384, "1MiB": 1_048_576, "0.5KiB": 512, "2GiB": 2 ** 31 };
  for (const [text, bytes] of Object.entries(cases)) assert.equal(parseSize(text), bytes, text);
  for (const text of ["", "16", "16K", "16KB", "16kib", "KiB"]) {
    assert.equal(parseSize(text), undefined, text);
  }
});

Deno.test("nearest() suggests a word that is near and no other", () => {
  const known = ["listen", "mode", "engine", "tls", "redirect"];
  const cases = { lisen: "listen", lisetn: "listen", mod: "mode", enigne: "engine", tsl: "tls" };
  for (const [word, meant] of Object.entries(cases)) assert.equal(nearest(word, known), meant);
  for (const word of ["", "zzzz", "certificates"]) assert.equal(nearest(word, known), undefined);
});
