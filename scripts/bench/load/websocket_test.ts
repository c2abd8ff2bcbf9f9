import assert from "node:assert/strict";
import { frame } from "./websocket.ts";

Deno.test("frame() writes the frames of RFC 6455, section 5.7", () => {
  const hello = new TextEncoder().encode("Hello");
  assert.deepEqual([...frame(hello, { mask: false })], [0x81, 5, ...hello]);
  assert.deepEqual([...frame(hello, { mask: true })], [0x81, 0x85, 0, 0, 0, 0, ...hello]);
});
