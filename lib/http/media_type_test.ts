import assert from "node:assert/strict";
import { prefersJson } from "./media_type.ts";

const CASES: readonly [accept: string, json: boolean][] = [
  ["", false],
  ["*/*", false],
  ["text/html, */*;q=0.8", false],
  ["application/json", true],
  ["Application/JSON; charset=utf-8", true],
  ["application/*", true],
  ["application/json, text/plain", false],
  ["application/json, text/plain;q=0.9", true],
  ["application/json;q=0.5, text/*;q=0.6", false],
  ["application/json, */*", false],
  ["application/json, */*;q=0.1", true],
  ["application/json;q=0", false],
  ["application/json;q=x", false],
  ["application/json;q=2, text/plain", false],
  ["application/json;q=-1, text/plain;q=0", false],
  ["application/json;q=0, text/plain;q=-1", false],
  ["application/json;q=1, text/plain;q=0.999", true],
  ["text/html, application/json", true],
  ["application/jsonp", false],
];

for (const [accept, json] of CASES) {
  Deno.test(`prefersJson() is ${json} for ${accept === "" ? "nothing" : accept}`, () => {
    assert.equal(prefersJson(accept, "text/plain"), json);
  });
}

Deno.test("prefersJson() looks at no more ranges than any client has", () => {
  const ranges = (count: number) => `${"text/x,".repeat(count)}application/json`;
  assert.equal(prefersJson(ranges(99), "text/plain"), true);
  assert.equal(prefersJson(ranges(100), "text/plain"), false);
});

Deno.test("prefersJson() asks what HTML is worth where that is the other", () => {
  const prefer = (accept: string) => prefersJson(accept, "text/html");
  assert.equal(prefer("text/html, application/json;q=0.9"), false);
  assert.equal(prefer("text/html, application/json"), false);
  assert.equal(prefer("text/plain, application/json;q=0.5"), true);
});
