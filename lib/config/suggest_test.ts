import assert from "node:assert/strict";
import { nearest } from "./suggest.ts";

const KNOWN = ["listen", "listeners", "mode", "engine", "tls", "servers"];

Deno.test("nearest() knows what was meant by a slip", () => {
  for (
    const [word, meant] of [
      ["severs", "servers"],
      ["sevrers", "servers"],
      ["listner", "listen"],
      ["listenres", "listeners"],
      ["mod", "mode"],
      ["tsl", "tls"],
      ["engines", "engine"],
    ]
  ) {
    assert.equal(nearest(word ?? "", KNOWN), meant, String(word));
  }
});

Deno.test("nearest() suggests nothing for a word of its own", () => {
  for (const word of ["", "x", "backend", "certificate", "lt"]) {
    assert.equal(nearest(word, KNOWN), undefined, word);
  }
  assert.equal(nearest("mode", []), undefined);
});
