import assert from "node:assert/strict";
import fc from "fast-check";
import { latin1 } from "../../tests/support/connection.ts";
import { cutAt, type Decoder, type Fact, feed } from "../../tests/support/feed.ts";
import { encodeLatin1 } from "../core/latin1.ts";
import { bodyDecoder, type BodyPart } from "./body_decoder.ts";
import { requestBodyRules, withNamedTrailers } from "./body_rules.ts";
import type { Framing } from "./framing.ts";
import { lastChunkText } from "./last_chunk.ts";
import { field } from "../http/field.ts";
import { ROLE } from "../http/field_name.ts";

const RULES = requestBodyRules({ headerBytes: 1000, headers: 10 });

const encode = (parts: readonly BodyPart[], { kind }: Framing): Uint8Array => {
  const wire = parts.map((part) => {
    if (part.kind === "end") return kind === "chunked" ? lastChunkText(part.trailers) : "";
    const text = latin1(part.bytes);
    return kind === "chunked" ? `${text.length.toString(16)}\r\n${text}\r\n` : text;
  });
  return encodeLatin1(wire.join(""));
};

const data = (text: string): BodyPart => ({ kind: "data", bytes: encodeLatin1(text) });
const END: BodyPart = { kind: "end", trailers: [] };

Deno.test("lastChunkText() writes trailers, but none that must not go on (RFC 9110 6.5.1)", () => {
  assert.equal(lastChunkText([]), "0\r\n\r\n");
  const trailers = ["A", "Transfer-Encoding", "Content-Length", "Host", "X-Forwarded-For", "B"];
  const written = lastChunkText(trailers.map((name) => field(name, "c")));
  assert.equal(written, "0\r\nA: c\r\nB: c\r\n\r\n");
});

Deno.test("bodyDecoder() gives what was put into a framing, cut anywhere", () => {
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
    assert.equal(decoder?.feed(bytes, 2, (part) => parts.push(part)), 2 + body.length);
    assert.equal(decoder.done, true);
    assert.deepEqual(parts, [data("abc"), END]);
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

Deno.test("bodyDecoder() reads sizes in hexadecimal, small or capital, and nothing that is near it", () => {
  const read = (size: string, count = 0) => {
    let bytes = 0;
    const wire = encodeLatin1(`${size}\r\n${"a".repeat(count)}`);
    bodyDecoder({ kind: "chunked" }, RULES)?.feed(wire, 0, (part) => {
      if (part.kind === "data") bytes += part.bytes.length;
    });
    return bytes;
  };
  for (const digit of "123456789abcdefABCDEF") {
    const value = parseInt(digit, 16);
    const text = `${digit}0${digit}`;
    assert.equal(read(text, 257 * value), 257 * value, text);
  }
  // the neighbours of digits among characters, and those of letters with another bit
  for (const other of ["/", ":", "@", "G", "`", "g", "\x01", "\x10", "\x19", "!", "&"]) {
    assert.throws(() => read(`1${other}`), { code: "bad_chunk" }, other);
  }
});

Deno.test("bodyDecoder() drops the trailers that Connection names", () => {
  const trailersWith = (connection: readonly string[]) => {
    const rules = withNamedTrailers(RULES, {
      has: (role) => connection.length > 0 && (role & ROLE.connection) !== 0,
      values: (name) => name === "connection" ? connection : [],
    });
    const names: string[] = [];
    const wire = encodeLatin1("1\r\na\r\n0\r\nA: 1\r\nX-B: 2\r\nC: 3\r\n\r\n");
    bodyDecoder({ kind: "chunked" }, rules)?.feed(wire, 0, (part) => {
      if (part.kind === "end") names.push(...part.trailers.map(({ name }) => name));
    });
    return names.join(" ");
  };
  assert.equal(trailersWith([]), "A X-B C");
  assert.equal(trailersWith(["close"]), "A X-B C");
  assert.equal(trailersWith(["close, x-b"]), "A C");
  assert.equal(trailersWith(["a", "keep-alive , C"]), "X-B");
});

/**
 * Bodies with so many bytes of extensions or blanks, of which 16384 are taken beyond what is free:
 * behind a chunk 32, and two for each byte of its data.
 */
const EXTENDED: readonly [what: string, most: number, body: (count: number) => string][] = [
  ["one extension", 16384, (count) => `1;${"e".repeat(count)}\r\na\r\n0\r\n\r\n`],
  ["that of the last chunk", 16384, (count) => `0;${"e".repeat(count)}\r\n\r\n`],
  ["the blanks behind a size", 16384, (count) => `1${" ".repeat(count)}\r\na\r\n0\r\n\r\n`],
  [
    "a first chunk that needs nothing",
    16384,
    (count) => `64\r\n${"a".repeat(100)}\r\n0;${"e".repeat(count)}\r\n\r\n`,
  ],
  [
    "one behind one that takes all there is",
    32 + 2 * 5,
    (count) => `5;${"e".repeat(16384)}\r\nabcde\r\n0;${"f".repeat(count)}\r\n\r\n`,
  ],
];

for (const [what, most, body] of EXTENDED) {
  Deno.test(`bodyDecoder() bounds what is no data in ${what}`, () => {
    const isTaken = (count: number) => {
      const decoder = bodyDecoder({ kind: "chunked" }, { ...RULES, blanksBehindSize: true });
      decoder?.feed(encodeLatin1(body(count)), 0, () => {});
      return decoder?.done;
    };
    assert.equal(isTaken(most), true);
    assert.throws(() => isTaken(most + 1), {
      code: "bad_chunk",
      message: /longer than 16384 bytes/,
    });
  });
}

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
    end: () => {
      const parts = collect((emit) => body.end(emit));
      assert.equal(body.done, true);
      return parts;
    },
  };
}
