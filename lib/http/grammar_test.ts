import assert from "node:assert/strict";
import {
  CONTENT_LENGTH,
  HOST,
  HTTP_VERSION,
  LINE_BYTE,
  TARGET_CHARACTERS,
  TOKEN,
} from "./grammar.ts";

const BYTES = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));

Deno.test("TOKEN holds the tchar of RFC 9110 5.6.2 and nothing else", () => {
  const digits = "0123456789";
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const expected = [..."!#$%&'*+-.^_`|~" + digits + letters].sort();
  assert.deepEqual(BYTES.filter((byte) => TOKEN.test(byte)), expected);
});

Deno.test("TARGET_CHARACTERS holds visible ASCII but # (RFC 9112 3.2)", () => {
  const expected = BYTES.filter((byte) => byte > " " && byte < "\x7f" && byte !== "#");
  assert.deepEqual(BYTES.filter((byte) => TARGET_CHARACTERS.test(byte)), expected);
});

Deno.test("LINE_BYTE holds HTAB, SP, VCHAR and obs-text (RFC 9110 5.5)", () => {
  const expected = BYTES.map((byte) => byte === "\t" || (byte >= " " && byte !== "\x7f") ? 1 : 0);
  assert.deepEqual([...LINE_BYTE], expected);
});

Deno.test("HTTP_VERSION, CONTENT_LENGTH and HOST match whole texts only", () => {
  for (
    const [pattern, text] of [[HTTP_VERSION, "HTTP/1.1"], [CONTENT_LENGTH, "3"], [
      HOST,
      "a",
    ]] as const
  ) {
    assert.ok(pattern.test(text));
    for (const around of ["\n", "\r\n", " ", "\0", "\x85"]) {
      assert.ok(!pattern.test(text + around) && !pattern.test(around + text));
    }
  }
});

Deno.test("CONTENT_LENGTH and HOST match texts within their bounds", () => {
  const good: readonly [RegExp, string][] = [
    [CONTENT_LENGTH, "0"],
    [CONTENT_LENGTH, "9".repeat(15)],
    [HOST, "a".repeat(255)],
    [HOST, "a:1"],
    [HOST, "a:12345"],
    [HOST, "a:"],
    [HOST, "[::]"],
    [HOST, `[${":".repeat(45)}]`],
  ];
  const bad: readonly [RegExp, string][] = [
    [CONTENT_LENGTH, ""],
    [CONTENT_LENGTH, "9".repeat(16)],
    [HOST, ""],
    [HOST, "a".repeat(256)],
    [HOST, "a:123456"],
    [HOST, "[:]"],
    [HOST, `[${":".repeat(46)}]`],
  ];
  for (const [pattern, text] of good) assert.ok(pattern.test(text), text);
  for (const [pattern, text] of bad) assert.ok(!pattern.test(text), text);
});

Deno.test("TOKEN and TARGET_CHARACTERS match whole texts only", () => {
  for (const [pattern, text] of [[TOKEN, "ab"], [TARGET_CHARACTERS, "/ab"]] as const) {
    assert.ok(pattern.test(text));
    for (const other of ["\n", " ", "\0", "\x85", "\xe9"]) {
      for (const mixed of [text + other, other + text, text + other + text]) {
        assert.ok(!pattern.test(mixed), JSON.stringify(mixed));
      }
    }
  }
});
