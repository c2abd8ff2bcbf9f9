import assert from "node:assert/strict";
import fc from "fast-check";
import { HeaderDecoder } from "./decoder.ts";
import { HeaderEncoder } from "./encoder.ts";
import { huffmanDecode, huffmanEncode, huffmanLength } from "./huffman.ts";
import { Http2Error } from "../http2_error.ts";

const LIMITS = { bytes: 65_536, fields: 200 };
/** Text of any bytes. */
const texts = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((n) => String.fromCharCode(n)),
});

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.fromHex(hex.replaceAll(" ", ""));
}

function decodeAll(decoder: HeaderDecoder, hex: string): string[] {
  const bytes = bytesOf(hex);
  return decoder.decode(bytes, 0, bytes.length, LIMITS).map(({ name, value }) =>
    `${name}: ${value}`
  );
}

const GET = [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"];
const THIRD = [
  ":method: GET",
  ":scheme: https",
  ":path: /index.html",
  ":authority: www.example.com",
  "custom-key: custom-value",
];

Deno.test("HeaderDecoder reads the requests of RFC 7541 C.3, and with Huffman those of C.4", () => {
  const plain = [
    "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
    "8286 84be 5808 6e6f 2d63 6163 6865",
    "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
  ];
  const coded = [
    "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
    "8286 84be 5886 a8eb 1064 9cbf",
    "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
  ];
  for (const blocks of [plain, coded]) {
    const decoder = new HeaderDecoder();
    assert.deepEqual(blocks.map((hex) => decodeAll(decoder, hex)), [
      GET,
      [...GET, "cache-control: no-cache"],
      THIRD,
    ]);
  }
});

Deno.test("HeaderDecoder looks at a name of its table once, however many fields refer to it", () => {
  const decoder = new HeaderDecoder();
  const name = "n".repeat(4000);
  // entered with an empty value, then referred to by literals of three bytes
  const entered = [0x40, 0x7f, ...[(4000 - 127) & 0x7f | 0x80, (4000 - 127) >> 7]];
  const block = Uint8Array.from([
    ...[...entered, ...new TextEncoder().encode(name), 0],
    ...[0x0f, 0x2f, 0, 0x0f, 0x2f, 0],
  ]);
  const fields = decoder.decode(block, 0, block.length, LIMITS);
  assert.deepEqual(fields.map((field) => [field.name === name, field.value]), [
    ...new Array(3).fill([true, ""]),
  ]);
  const [first, ...others] = fields.map(({ called }) => called);
  for (const other of others) assert.equal(other, first);
});

Deno.test("HeaderDecoder refuses what RFC 7541 does", () => {
  const cases: readonly [why: string, hex: string][] = [
    ["index 0 (6.1)", "80"],
    ["an index beyond the tables (2.3.3)", "be"],
    ["an index that is cut off (5.1)", "ff"],
    ["an index without end (5.1)", "ff ff ff ff ff ff ff ff ff ff 01"],
    ["a string that is cut off (5.2)", "40 03 61 62"],
    ["a name without a value", "40 01 61"],
    ["padding of 8 bits (5.2)", "40 01 61 82 1f ff"],
    ["padding that is not all ones (5.2)", "40 01 61 81 1e"],
    ["the end-of-string symbol (5.2)", "40 01 61 84 ff ff ff ff"],
    ["a size update behind a field (4.2)", "82 20"],
    ["a table larger than allowed (6.3)", "3f e2 1f"],
  ];
  for (const [why, hex] of cases) {
    assert.throws(() => decodeAll(new HeaderDecoder(), hex), Http2Error, why);
  }
  // the largest that is allowed, behind the smallest there was
  assert.deepEqual(decodeAll(new HeaderDecoder(), "20 3f e1 1f 82"), [":method: GET"]);
});

Deno.test("HeaderDecoder evicts what is oldest, and all for what is too large (RFC 7541 4.4)", () => {
  const decoder = new HeaderDecoder();
  decodeAll(decoder, "40 01 61 01 31 40 01 62 01 32");
  assert.deepEqual(decodeAll(decoder, "be bf"), ["b: 2", "a: 1"]);
  // room for one of 34 bytes
  assert.deepEqual(decodeAll(decoder, "3f 04 be"), ["b: 2"]);
  assert.throws(() => decodeAll(decoder, "bf"));
  const large = "40 01 63 23" + "78".repeat(35);
  assert.deepEqual(decodeAll(decoder, large), ["c: " + "x".repeat(35)]);
  assert.throws(() => decodeAll(decoder, "be"));
});

Deno.test("HeaderDecoder keeps its table when a list overflows, and only counts the rest", () => {
  const decoder = new HeaderDecoder();
  // a name and 4000 bytes, nearly all of the table
  decodeAll(decoder, "40 01 61 7f a1 1e" + "78".repeat(4000));
  const bomb = new Uint8Array(10_000).fill(0xbe);
  const fields = decoder.decode(bomb, 0, bomb.length, LIMITS);
  assert.equal(decoder.overflow, "bytes");
  assert.ok(fields.length < 20);
  const [first] = fields;
  assert.ok(fields.every((field) => field === first), "a reference makes no field");
});

Deno.test("huffmanDecode() after huffmanEncode() is identity", () => {
  fc.assert(fc.property(texts, (text) => {
    const bytes = new Uint8Array(huffmanLength(text) + 2);
    assert.equal(huffmanEncode(text, bytes, 1), huffmanLength(text) + 1);
    assert.equal(huffmanDecode(bytes, 1, bytes.length - 1), text);
  }));
});

Deno.test("HeaderDecoder gives what HeaderEncoder was given", () => {
  const names = fc.oneof(
    fc.constantFrom(
      ":status",
      ":path",
      "content-type",
      "set-cookie",
      "x-own",
      "x-" + "n".repeat(80),
    ),
    fc.string({ unit: fc.constantFrom(..."abcxyz-09"), minLength: 1, maxLength: 100 }),
  );
  const values = fc.oneof(fc.constantFrom("", "200", "/"), texts, fc.constant("é".repeat(300)));
  const decoder = new HeaderDecoder();
  const encoder = new HeaderEncoder();
  fc.assert(fc.property(fc.array(fc.tuple(names, values)), fc.boolean(), (fields, shrink) => {
    if (shrink) encoder.limitTable(0);
    encoder.begin();
    for (const [name, value] of fields) encoder.put(name, value);
    const read = decoder.decode(encoder.block, 0, encoder.length, LIMITS);
    assert.deepEqual(read.map(({ name, value }) => [name, value]), fields);
  }));
});

Deno.test("a field that nobody may keep in a table is written as such, whatever it says", () => {
  const decoder = new HeaderDecoder();
  const encoder = new HeaderEncoder();
  encoder.begin();
  encoder.put("x-own", "a", true);
  // it stands in the static table
  encoder.put("accept-encoding", "gzip, deflate", true);
  encoder.put("x-own", "a");
  encoder.put("cookie", "a");
  const { block } = encoder;
  const read = decoder.decode(block, 0, encoder.length, LIMITS);
  assert.deepEqual(read.map(({ isSecret }) => isSecret), [true, true, false, true]);
});

Deno.test("HeaderDecoder yields nothing but Http2Error of garbage", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        new HeaderDecoder().decode(bytes, 0, bytes.length, LIMITS);
      } catch (error) {
        assert.ok(error instanceof Http2Error);
      }
    }),
    { numRuns: 2000 },
  );
});
