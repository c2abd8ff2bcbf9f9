import assert from "node:assert/strict";
import { latin1 } from "../../tests/support/connection.ts";
import { DIRECT } from "../../tests/support/forwarding.ts";
import { fieldLines } from "../http/field.ts";
import { forwardedFields } from "../http/forwarded.ts";
import type { Forwarding } from "../http/message.ts";
import { ID_PREFIX } from "../http/request_id.ts";
import { AddedLines } from "./added_lines.ts";

/** Numbers at both ends of each count of digits, and digits on both sides of `9` and `z`. */
const NUMBERS = [1, 2, 3, 4, 5, 6].flatMap((digits) => [36 ** digits - 1, 36 ** digits])
  .concat(1, 9, 10, 11, 34, 9 * 36 + 10, 10 * 36 + 9, 35 * 36, Number.MAX_SAFE_INTEGER);

/** What is put, between bytes that stay as they are; its length is what was said before. */
function written(lines: AddedLines, idNumber: number): string {
  const size = lines.size(idNumber);
  const bytes = new Uint8Array(size + 20).fill(0x21);
  lines.put(bytes, size + 10, idNumber);
  const [, text = "", ...more] = latin1(bytes).split("!!!!!!!!!!");
  assert.equal(text.length, size);
  assert.deepEqual(more, [""]);
  return text;
}

/** The lines that say where a request came from. */
function origin(forwarding: Forwarding, host: string): string {
  return fieldLines(forwardedFields({ ...forwarding, host }));
}

Deno.test("AddedLines puts where a request came from and its number in base 36", () => {
  const lines = new AddedLines();
  lines.make(DIRECT, "a.test", 1);
  for (const number of NUMBERS) {
    const id = `X-Request-Id: ${ID_PREFIX}${number.toString(36)}\r\n`;
    assert.equal(written(lines, number), origin(DIRECT, "a.test") + id);
  }
});

Deno.test("AddedLines puts no id for a request that came with one", () => {
  const lines = new AddedLines();
  lines.make(DIRECT, "a.test", 1);
  assert.equal(written(lines, 0), origin(DIRECT, "a.test"));
});

Deno.test("AddedLines makes its lines anew where anything they tell of is another", () => {
  const lines = new AddedLines();
  const via = { ...DIRECT, via: true };
  const requests: readonly [Forwarding, host: string, minor: 0 | 1, via: string][] = [
    [DIRECT, "a.test", 1, ""],
    [DIRECT, "b.test", 1, ""],
    [{ ...DIRECT, peer: "192.0.2.8" }, "b.test", 1, ""],
    [via, "b.test", 1, "Via: 1.1 tls-proxy\r\n"],
    [via, "b.test", 0, "Via: 1.0 tls-proxy\r\n"],
    [via, "b.test", 1, "Via: 1.1 tls-proxy\r\n"],
  ];
  for (const [forwarding, host, minor, via] of requests) {
    lines.make(forwarding, host, minor);
    assert.equal(written(lines, 0), origin(forwarding, host) + via);
  }
});
