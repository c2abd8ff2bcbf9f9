import assert from "node:assert/strict";
import { readAnswer, request } from "./http2_probe.ts";

/** A frame of RFC 9113, section 4.1. */
function frame(type: number, flags: number, stream: number, payload: readonly number[]) {
  return [0, 0, payload.length, type, flags, 0, 0, 0, stream, ...payload];
}

const SETTINGS = frame(4, 0, 0, [0, 3, 0, 0, 0, 100]);
const ACK = frame(4, 1, 0, []);
const HEAD = frame(1, 4, 1, [0x88, 0x5c, 1, 0x32]);
const BODY = frame(0, 1, 1, [0, 0]);

Deno.test("request() is a preface, settings, and a head that ends its stream", () => {
  const bytes = request("/2");
  const text = new TextDecoder("latin1").decode(bytes);
  assert.ok(text.startsWith("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
  const head = [0x82, 0x87, 0x01, 9, ...new TextEncoder().encode("localhost"), 0x04, 2, 0x2f, 0x32];
  assert.deepEqual([...bytes.subarray(24)], [...frame(4, 0, 0, []), ...frame(1, 5, 1, head)]);
});

Deno.test("readAnswer() finds an answer whole with its last byte, and no sooner", () => {
  const whole = new Uint8Array([...SETTINGS, ...ACK, ...HEAD, ...BODY]);
  for (let length = 0; length < whole.length; length++) {
    const { isWhole, hasSettings } = readAnswer(whole.subarray(0, length));
    assert.equal(isWhole, false, `${length} bytes`);
    assert.equal(hasSettings, length >= SETTINGS.length, `${length} bytes`);
  }
  assert.deepEqual(readAnswer(whole), { hasSettings: true, isWhole: true, isOk: true, bytes: 2 });
});

Deno.test("readAnswer() does not take an acknowledgement for the server's settings", () => {
  assert.equal(readAnswer(new Uint8Array(ACK)).hasSettings, false);
});

Deno.test("readAnswer() looks at the status, behind changes of the table's size", () => {
  const answer = (block: readonly number[]) => readAnswer(new Uint8Array(frame(1, 5, 1, block)));
  assert.equal(answer([0x20, 0x88]).isOk, true);
  assert.equal(answer([0x20, 0x3f, 0xe1, 0x1f, 0x88]).isOk, true);
  assert.equal(answer([0x3f, 0xe1, 0x1f, 0x8d, 0x88]).isOk, false);
  assert.equal(answer([0x8d]).isOk, false);
});
