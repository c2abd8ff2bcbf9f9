import assert from "node:assert/strict";
import { browserFields, browserHeads } from "./browser.ts";

Deno.test("browserHeads() gives heads of 14 fields, no two alike in turn", () => {
  const heads = browserHeads("localhost", 16).split("\r\n\r\n");
  assert.equal(heads.pop(), "");
  assert.equal(new Set(heads).size, 64);
  for (const head of heads) {
    const [line = "", ...fields] = head.split("\r\n");
    assert.match(line, /^GET \/b\/asset-\d+\.js\?v=\d+ HTTP\/1\.1$/);
    assert.equal(fields.length, 14);
    for (const field of fields) assert.match(field, /^[\w-]+: [ -~]+$/);
  }
});

Deno.test("browserFields() has cookies of so many browsers", () => {
  const cookies = Array.from({ length: 64 }, (_, index) => {
    return browserFields("localhost", index, 16).find(([name]) => name === "Cookie")?.[1];
  });
  assert.equal(new Set(cookies).size, 16);
  assert.match(cookies[0] ?? "", /session=[\da-f]{96}; /);
});
