import assert from "node:assert/strict";
import { decodeLatin1, encodeLatin1 } from "../core/latin1.ts";
import { HeadScanner } from "./head_scanner.ts";

const HEAD = "A: b\r\nC: d\r\n\r\n";

function scanner(maxBytes = 100): HeadScanner {
  return new HeadScanner(maxBytes, {
    malformed: "bad_field",
    tooLarge: "head_too_large",
    firstLineTooLarge: "target_too_long",
  });
}

Deno.test("HeadScanner.scan() gives the head and where it ends in the last piece", () => {
  for (let cut = 0; cut <= HEAD.length; cut++) {
    const one = scanner();
    const first = one.scan(encodeLatin1("xx" + HEAD.slice(0, cut)), 2);
    const second = first ?? one.scan(encodeLatin1("yyy" + HEAD.slice(cut) + "rest"), 3);
    assert.equal(second && decodeLatin1(second.head), HEAD);
    assert.equal(second?.end, first === undefined ? 3 + HEAD.length - cut : 2 + HEAD.length);
  }
});

Deno.test("HeadScanner.scan() does not copy a head that comes whole", () => {
  const bytes = encodeLatin1(HEAD);
  assert.equal(scanner().scan(bytes, 0)?.head.buffer, bytes.buffer);
});

Deno.test("HeadScanner.started is true while a part of a head is kept", () => {
  const one = scanner();
  assert.equal(one.started, false);
  one.scan(encodeLatin1("A"), 0);
  assert.equal(one.started, true);
  one.scan(encodeLatin1(HEAD), 0);
  assert.equal(one.started, false);
});

Deno.test("HeadScanner.scan() takes one head after another", () => {
  const one = scanner(HEAD.length);
  for (let i = 0; i < 3; i++) {
    assert.equal(one.scan(encodeLatin1(HEAD.slice(0, 5)), 0), undefined);
    assert.equal(decodeLatin1(one.scan(encodeLatin1(HEAD), 5)?.head ?? new Uint8Array()), HEAD);
  }
});

Deno.test("HeadScanner.scan() takes as many bytes as it may, in whatever pieces", () => {
  for (let cut = 0; cut <= HEAD.length; cut++) {
    const pieces = [HEAD.slice(0, cut), HEAD.slice(cut)].map(encodeLatin1);
    const exact = scanner(HEAD.length);
    assert.ok(pieces.map((piece) => exact.scan(piece, 0)).some((found) => found !== undefined));
    const small = scanner(HEAD.length - 1);
    const code = "head_too_large";
    assert.throws(() => pieces.map((piece) => small.scan(piece, 0)), { code });
  }
});

Deno.test("HeadScanner.scan() tells a first line that is too large from a later one", () => {
  assert.throws(() => scanner(5).scan(encodeLatin1("AAAAAA"), 0), { code: "target_too_long" });
  assert.throws(() => scanner(5).scan(encodeLatin1("A\r\nBBB"), 0), { code: "head_too_large" });
});

Deno.test("HeadScanner.scan() knows of each head which of its lines is the first", () => {
  const one = scanner(HEAD.length);
  for (let i = 0; i < 2; i++) {
    assert.notEqual(one.scan(encodeLatin1(HEAD), 0), undefined);
    assert.equal(one.scan(encodeLatin1("A: b\r\n"), 0), undefined);
    assert.notEqual(one.scan(encodeLatin1("\r\n"), 0), undefined);
  }
  const long = encodeLatin1("A".repeat(HEAD.length + 1));
  assert.throws(() => one.scan(long, 0), { code: "target_too_long" });
});

Deno.test("HeadScanner.scan() refuses every control character but HTAB (RFC 9110 5.5)", () => {
  for (let byte = 0; byte < 256; byte++) {
    const line = Uint8Array.of(0x41, byte, 0x42, 0x0d, 0x0a);
    const forbidden = (byte < 0x20 && byte !== 0x09) || byte === 0x7f;
    if (forbidden) assert.throws(() => scanner().scan(line, 0), { code: "bad_field" }, `${byte}`);
    else assert.equal(scanner().scan(line, 0), undefined);
  }
});

Deno.test("HeadScanner.scan() says of TLS what it is, where a head begins with it alone", () => {
  const message = "TLS came where plain HTTP was expected";
  for (const type of [21, 22]) {
    const record = Uint8Array.of(type, 3, 1, 0, 2, 2, 70);
    assert.throws(() => scanner().scan(record, 0), { code: "bad_field", message });
    assert.throws(() => scanner().scan(record.subarray(0, 1), 0), { message });
    const later = scanner();
    later.scan(encodeLatin1("A: b\r\n"), 0);
    assert.throws(() => later.scan(record, 0), { message: /control character/ });
    later.scan(encodeLatin1("\r\n"), 0);
    assert.throws(() => later.scan(record, 0), { message });
  }
});

Deno.test("HeadScanner.scan() begins to count lines anew behind each head", () => {
  for (const piece of [HEAD, ...HEAD.match(/.{1,3}/gs) ?? []]) {
    const one = scanner(HEAD.length);
    if (piece !== HEAD) {
      for (const part of HEAD.match(/.{1,3}/gs) ?? []) one.scan(encodeLatin1(part), 0);
    } else one.scan(encodeLatin1(HEAD), 0);
    assert.throws(() => one.scan(encodeLatin1("A".repeat(HEAD.length + 1)), 0), {
      code: "target_too_long",
    });
  }
});

Deno.test("HeadScanner.scan() tells a first word that is too large, however it is cut", () => {
  const errors = {
    malformed: "bad_field",
    tooLarge: "head_too_large",
    firstLineTooLarge: "target_too_long",
    firstWordTooLarge: "bad_request_line",
  } as const;
  const cases = [
    ["AAAAAA", "bad_request_line"],
    ["AAAAA ", "bad_request_line"],
    ["AAAA A", "target_too_long"],
    [" AAAAA", "target_too_long"],
    ["A\r\nAAA", "head_too_large"],
  ] as const;
  for (const [text, code] of cases) {
    for (let cut = 0; cut < text.length; cut++) {
      const one = new HeadScanner(5, errors);
      assert.equal(one.scan(encodeLatin1(text.slice(0, cut)), 0), undefined);
      assert.throws(() => one.scan(encodeLatin1(text.slice(cut)), 0), { code }, `${text} ${cut}`);
    }
  }
});

Deno.test("HeadScanner.scan() refuses a CR without its LF, however it is cut", () => {
  for (const text of ["A\r\r\n", "\r\r\n", "A\rB", "A\r\n\rB"]) {
    for (let cut = 0; cut <= text.length; cut++) {
      const one = scanner();
      assert.throws(() => {
        one.scan(encodeLatin1(text.slice(0, cut)), 0);
        one.scan(encodeLatin1(text.slice(cut)), 0);
      }, { code: "bad_field", message: "A CR stands without its LF" });
    }
  }
});

Deno.test("HeadScanner.scan() leaves a head alone that it has given", () => {
  const one = scanner();
  const first = [HEAD.slice(0, 3), HEAD.slice(3)].map((part) => one.scan(encodeLatin1(part), 0));
  one.scan(encodeLatin1("X".repeat(HEAD.length)), 0);
  assert.equal(first[1] && decodeLatin1(first[1].head), HEAD);
});
