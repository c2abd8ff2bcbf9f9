import assert from "node:assert/strict";
import fc from "fast-check";
import { latin1 } from "../../tests/support/connection.ts";
import { cutAt, type Decoder, type Fact, feed } from "../../tests/support/feed.ts";
import { encodeLatin1 } from "../core/latin1.ts";
import { bodyDecoder, type BodyPart, type BodyRules } from "./body_decoder.ts";
import { encodeBodyPart } from "./body_encoder.ts";
import type { Framing } from "./framing.ts";
import { field } from "../http/field.ts";

const RULES: BodyRules = {
  malformed: "bad_chunk",
  field: "bad_field",
  truncated: "truncated_request",
  maxTrailerBytes: 1000,
  maxTrailers: 10,
};

const encode = (parts: readonly BodyPart[], framing: Framing): Uint8Array => {
  const pieces: (Uint8Array | string)[] = [];
  for (const part of parts) encodeBodyPart(part, framing, (piece) => pieces.push(piece));
  return encodeLatin1(pieces.map(latin1).join(""));
};

const data = (text: string): BodyPart => ({ kind: "data", bytes: encodeLatin1(text) });
const END: BodyPart = { kind: "end", trailers: [] };

Deno.test("encodeBodyPart() writes chunks where the framing is chunked (RFC 9112 7.1)", () => {
  const end: BodyPart = { kind: "end", trailers: [field("A", "b"), field("C", "")] };
  const written = encode([data("abc"), data("x".repeat(17)), end], { kind: "chunked" });
  assert.equal(latin1(written), `3\r\nabc\r\n11\r\n${"x".repeat(17)}\r\n0\r\nA: b\r\nC: \r\n\r\n`);
});

Deno.test("encodeBodyPart() writes the bytes alone in other framings", () => {
  const end: BodyPart = { kind: "end", trailers: [field("A", "b")] };
  for (const framing of [{ kind: "length", length: 6 }, { kind: "until_close" }] as const) {
    assert.equal(latin1(encode([data("abc"), data("def"), end], framing)), "abcdef");
  }
});

Deno.test("encodeBodyPart() hands data on without a copy", () => {
  const part = data("abc");
  const put: (Uint8Array | string)[] = [];
  encodeBodyPart(part, { kind: "chunked" }, (piece) => put.push(piece));
  assert.ok(part.kind === "data" && put.includes(part.bytes));
});

Deno.test("encodeBodyPart() leaves out trailers that must not go on (RFC 9110 6.5.1)", () => {
  const trailers = ["Transfer-Encoding", "Content-Length", "Host", "X-Forwarded-For"].map((name) =>
    field(name, "a")
  );
  const written = encode([{ kind: "end", trailers }], { kind: "chunked" });
  assert.equal(latin1(written), "0\r\n\r\n");
});

Deno.test("bodyDecoder() after encodeBodyPart() is identity, cut anywhere", () => {
  const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 });
  const trailer = fc.tuple(fc.constantFrom("A", "B-c"), fc.constantFrom("", "d", "\xe9 f"));
  const places = fc.array(fc.nat(400), { maxLength: 8 });
  const kind = fc.constantFrom("length", "chunked", "until_close");
  fc.assert(
    fc.property(pieces, fc.array(trailer, { maxLength: 2 }), kind, places, (...drawn) => {
      const [pieces, trailerLines, kind, places] = drawn;
      const text = pieces.map(latin1).join("");
      const framing: Framing = kind === "length" ? { kind, length: text.length } : { kind };
      const trailers = trailerLines.map(([name, value]) => field(name, value));
      const parts = pieces.map((bytes): BodyPart => ({ kind: "data", bytes }));
      const written = encode([...parts, { kind: "end", trailers }], framing);
      const cut = cutAt(written, places.map((place) => Math.min(place, written.length)));
      const expected: Fact[] = text === "" ? [] : [{ kind: "data", text }];
      expected.push({ kind: "end", trailers: framing.kind === "chunked" ? trailers : [] });
      assert.deepEqual(
        feed(decoderOf(framing), cut, { end: framing.kind === "until_close" }),
        expected,
      );
    }),
    { numRuns: 500 },
  );
});

Deno.test("bodyDecoder() stops behind a body and leaves the rest", () => {
  for (const framing of [{ kind: "length", length: 3 }, { kind: "chunked" }] as const) {
    const body = encode([data("abc"), END], framing);
    const decoder = bodyDecoder(framing, RULES);
    const parts: BodyPart[] = [];
    const bytes = encodeLatin1(`xx${latin1(body)}0\r\n\r\nrest`);
    assert.equal(decoder?.feed(bytes, 2, (part) => parts.push(part), 2), 2 + body.length);
    assert.equal(decoder.done, true);
    const room = framing.kind === "length" ? { room: 2 } : {};
    assert.deepEqual(parts, [{ ...data("abc"), ...room }, END]);
  }
});

Deno.test("bodyDecoder() gives views into what it is fed, not copies", () => {
  for (const kind of ["chunked", "until_close"] as const) {
    const bytes = encode([data("abc"), END], { kind });
    bodyDecoder({ kind }, RULES)?.feed(bytes, 0, (part) => {
      if (part.kind === "data") assert.equal(part.bytes.buffer, bytes.buffer);
    });
  }
});

Deno.test("bodyDecoder() has no decoder for no body", () => {
  assert.equal(bodyDecoder({ kind: "none" }, RULES), undefined);
});

/** A decoder of one body alone. */
function decoderOf(framing: Framing): Decoder {
  const body = bodyDecoder(framing, RULES);
  assert.ok(body !== undefined);
  const collect = (run: (emit: (part: BodyPart) => void) => void) => {
    const parts: BodyPart[] = [];
    run((part) => parts.push(part));
    return parts;
  };
  return {
    feed: (bytes) => {
      if (body.done) return [];
      return collect((emit) => assert.equal(body.feed(bytes, 0, emit), bytes.length));
    },
    end: () => collect((emit) => body.end(emit)),
  };
}
