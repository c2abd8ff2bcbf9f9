import assert from "node:assert/strict";
import * as fc from "fast-check";
import { mustStaple } from "./must_staple.ts";

/** 1.3.6.1.5.5.7.1.24 as an OBJECT IDENTIFIER. */
const TLS_FEATURE = element(0x06, ...Uint8Array.fromHex("2b06010505070118"));
const CRITICAL = element(0x01, 0xff);

Deno.test("mustStaple() finds status_request among the features of TLS, and nothing else", () => {
  const features = (...numbers: number[]) =>
    element(0x04, ...element(0x30, ...numbers.flatMap((number) => element(0x02, number))));
  const CASES: readonly (readonly [extension: readonly number[], found: boolean])[] = [
    [[...TLS_FEATURE, ...features(5)], true],
    [[...TLS_FEATURE, ...CRITICAL, ...features(5)], true],
    [[...TLS_FEATURE, ...features(17, 5)], true],
    [[...TLS_FEATURE, ...features(17)], false],
    [[...TLS_FEATURE, ...features()], false],
    [[...TLS_FEATURE], false],
    [[...element(0x06, 0x55, 0x1d, 0x0f), ...features(5)], false],
    [[], false],
  ];
  for (const [extension, found] of CASES) {
    const extensions = element(0xa3, ...element(0x30, ...element(0x30, ...extension)));
    const bytes = new Uint8Array(element(0x30, ...element(0x30, ...extensions)));
    assert.equal(mustStaple(bytes), found, bytes.toHex());
    assert.equal(mustStaple(bytes.subarray(0, -1)), false);
  }
});

Deno.test("mustStaple() takes whatever it is given", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    mustStaple(new Uint8Array(bytes));
  }));
});

/** An element of DER with a short length. */
function element(tag: number, ...content: number[]): number[] {
  return [tag, content.length, ...content];
}
