import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { encodeLatin1 } from "../core/latin1.ts";
import { LastHead } from "./last_head.ts";

const FIRST = "GET / HTTP/1.1\r\n";
const FIELDS = "Host: a\r\nB: c\r\n\r\n";
const HEAD = encodeLatin1(FIRST + FIELDS);

function keeping(head: Uint8Array, fieldsAt?: number): LastHead<string> {
  const last = new LastHead<string>();
  last.keep(head, "kept", fieldsAt);
  return last;
}

Deno.test("LastHead.find() knows the same bytes, wherever they stand and whatever follows", () => {
  const last = keeping(HEAD);
  for (const [before, behind] of [["", ""], ["xy", ""], ["", "GET"], ["\r\n", "\r\n"]] as const) {
    const bytes = encodeLatin1(before + FIRST + FIELDS + behind);
    assert.equal(last.find(bytes, before.length), "kept");
  }
});

Deno.test("LastHead.find() knows no other bytes: one that differs, one too few", () => {
  const last = keeping(HEAD);
  for (let at = 0; at < HEAD.length; at++) {
    const other = HEAD.slice();
    other[at] = (other[at] as number) ^ 1;
    assert.equal(last.find(other, 0), undefined, `byte ${at}`);
    assert.equal(last.find(HEAD.subarray(0, at), 0), undefined, `${at} bytes`);
  }
  assert.equal(new LastHead<string>().find(HEAD, 0), undefined);
});

Deno.test("LastHead.findByFields() knows the fields behind another first line, and no others", () => {
  const last = keeping(HEAD, FIRST.length);
  const first = "POST /other HTTP/1.0\r\n";
  const other = encodeLatin1(first + FIELDS);
  assert.equal(last.findByFields(other, first.length), "kept");
  assert.equal(last.find(other, 0), undefined);
  for (let at = first.length; at < other.length; at++) {
    const wrong = other.slice();
    wrong[at] = (wrong[at] as number) ^ 1;
    assert.equal(last.findByFields(wrong, first.length), undefined, `byte ${at}`);
  }
  assert.equal(last.findByFields(other, first.length + 1), undefined);
});

Deno.test("LastHead.keep() copies the bytes, and takes the place of what was kept", () => {
  // a `Buffer`'s own `slice` would copy nothing
  for (const bytes of [HEAD.slice(), Buffer.from(HEAD)]) {
    const last = keeping(bytes);
    bytes.fill(0);
    assert.equal(last.find(HEAD, 0), "kept");
    for (const next of ["A: b\r\n\r\n", FIRST + FIRST + FIELDS]) {
      last.keep(encodeLatin1(next), "next");
      assert.equal(last.find(encodeLatin1(next), 0), "next");
      assert.equal(last.find(HEAD, 0), undefined);
    }
  }
});

Deno.test("LastHead keeps no long head, and nothing once it is to forget", () => {
  const last = keeping(HEAD);
  const long = encodeLatin1(`A: ${"x".repeat(1100)}\r\n\r\n`);
  last.keep(long, "long");
  assert.equal(last.find(long, 0), undefined);
  assert.equal(last.find(HEAD, 0), undefined);
  last.keep(HEAD, "again");
  last.forget();
  assert.equal(last.find(HEAD, 0), undefined);
  assert.equal(last.findByFields(HEAD, FIRST.length), undefined);
});

Deno.test("LastHead.keep() keeps heads of up to 1024 bytes", () => {
  for (const [length, kept] of [[1024, "kept"], [1025, undefined]] as const) {
    const head = encodeLatin1("x".repeat(length));
    assert.equal(keeping(head).find(head, 0), kept, String(length));
  }
});
