import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeLatin1 } from "../../core/latin1.ts";
import { Http2Error } from "../http2_error.ts";
import { BlockCache } from "./block_cache.ts";
import { HeaderDecoder } from "./decoder.ts";
import { huffmanEncode, huffmanLength } from "./huffman.ts";

const LIMITS = { bytes: 65_536, fields: 200 };

/** A connection that looks blocks up first, as sessions do. */
class Cached {
  readonly #decoder = new HeaderDecoder();
  readonly #blocks = new BlockCache<readonly string[]>(this.#decoder);
  /** How many blocks were not decoded. */
  found = 0;

  read(bytes: Uint8Array, from: number, to: number): readonly string[] {
    const known = this.#blocks.find(bytes, from, to);
    const { path } = this.#blocks;
    if (known !== undefined) {
      this.found++;
      return path === undefined
        ? known
        : known.map((line) => line.startsWith(":path: ") ? `:path: ${path}` : line);
    }
    const { generation } = this.#decoder;
    const facts = linesOf(this.#decoder, bytes, from, to);
    this.#blocks.keep(bytes, { from, to, generation, facts });
    return facts;
  }
}

function linesOf(decoder: HeaderDecoder, bytes: Uint8Array, from: number, to: number): string[] {
  return decoder.decode(bytes, from, to, LIMITS).map(({ name, value }) => `${name}: ${value}`);
}

function plain(text: string): number[] {
  return [text.length, ...encodeLatin1(text)];
}

function coded(text: string): number[] {
  const bytes = new Uint8Array(huffmanLength(text) + 8);
  const end = huffmanEncode(text, bytes, 0);
  return [0x80 | end, ...bytes.subarray(0, end)];
}

const path = (first: number, value: number[]) => [first, ...value];
const values = fc.constantFrom("", "a", "b", "aa", "/", "ab\x04a").map(plain);
const paths = fc.oneof(
  fc.constantFrom("/", "/a", "/b", "/aa", "/index.html", "/\x04\x02/a", "/" + "x".repeat(100))
    .chain((text) => fc.constantFrom(plain(text), coded(text)))
    .chain((value) => fc.constantFrom(0x04, 0x14, 0x44, 0x05).map((first) => path(first, value))),
  fc.constantFrom([0x84], [0x85]),
);
const fields = fc.array(
  fc.oneof(
    fc.constantFrom([0x82], [0x83], [0x87], [0xbe], [0xbf]),
    fc.constantFrom([0x41], [0x01], [0x00, 1, 0x78], [0x40, 1, 0x79]).chain((name) =>
      values.map((value) => [...name, ...value])
    ),
  ),
  { maxLength: 3 },
);
const resizes = fc.constantFrom([], [], [], [], [0x20], [0x3f, 0x41]);
const blocks = fc.tuple(resizes, fields, fc.option(paths), fields)
  .map(([resize, before, path, behind]) =>
    [resize, before.flat(), path ?? [], behind.flat()].flat()
  );

Deno.test("BlockCache gives what the decoder would, whatever came before", () => {
  let found = 0;
  // few that come again and again
  const drawn = fc.array(blocks, { minLength: 1, maxLength: 4 }).chain((few) =>
    fc.array(fc.constantFrom(...few), { maxLength: 30 })
  );
  fc.assert(
    fc.property(drawn, fc.nat(5), (sequence, offset) => {
      const [cached, decoder] = [new Cached(), new HeaderDecoder()];
      for (const block of sequence) {
        const bytes = Uint8Array.from([...Array(offset).fill(0x84), ...block, 0x84]);
        const end = offset + block.length;
        let expected: string[];
        try {
          expected = linesOf(decoder, bytes, offset, end);
        } catch (error) {
          assert.ok(error instanceof Http2Error);
          assert.throws(() => cached.read(bytes, offset, end), Http2Error);
          return;
        }
        assert.deepEqual(cached.read(bytes, offset, end), expected);
        // what is kept is a copy
        bytes.fill(0x85);
      }
      found += cached.found;
    }),
    { numRuns: 500 },
  );
  assert.ok(found > 0, "some are found");
});

Deno.test("BlockCache finds a block with another path, and no other", () => {
  const cached = new Cached();
  const read = (...parts: number[][]) => {
    const bytes = Uint8Array.from(parts.flat());
    const before = cached.found;
    const lines = cached.read(bytes, 0, bytes.length);
    return `${cached.found > before ? "found" : "read"} ${lines.join(", ")}`;
  };
  const [get, end] = [[0x82, 0x87], [0x00, ...plain("x"), ...plain("1")]];
  assert.equal(
    read(get, [0x04, ...plain("/a")], end),
    "read :method: GET, :scheme: https, :path: /a, x: 1",
  );
  for (const text of ["/a", "/b", "/", "/longer", `/${"x".repeat(99)}`]) {
    for (const value of [plain(text), coded(text)]) {
      assert.equal(
        read(get, [0x04, ...value], end),
        `found :method: GET, :scheme: https, :path: ${text}, x: 1`,
      );
    }
  }
  // more behind the path, other fields before and behind it, an indexed path, a secret one
  assert.match(read(get, [0x04, ...plain("/a")], [0x82], end), /^read /);
  assert.match(read([0x83, 0x87], [0x04, ...plain("/a")], end), /^read /);
  assert.match(read(get, [0x04, ...plain("/a")], [...end.slice(0, -1), 0x32]), /^read .* x: 2$/);
  assert.match(read(get, [0x84], end), /^read .*:path: \/, x: 1$/);
  assert.match(read(get, [0x14, ...plain("/a")], end), /^read /);
  // a path whose bytes look like what follows it
  const odd = String.fromCharCode(...end);
  assert.match(read(get, [0x04, ...plain(`/${odd}`)], end), /^found .*, x: 1$/);
});

Deno.test("BlockCache forgets what it knows once the table has changed", () => {
  const cached = new Cached();
  const read = (...block: number[]) => cached.read(Uint8Array.from(block), 0, block.length);
  const insert = (value: string) => read(0x40, ...plain("n"), ...plain(value));
  insert("1");
  assert.deepEqual([read(0xbe), read(0xbe)], [["n: 1"], ["n: 1"]]);
  assert.equal(cached.found, 1);
  insert("2");
  assert.deepEqual([read(0xbe), read(0xbf)], [["n: 2"], ["n: 1"]]);
  assert.equal(cached.found, 1);
  // what enters the table is not the same the second time
  insert("2");
  assert.equal(cached.found, 1);
  assert.deepEqual([read(0xbe), read(0xbe)], [["n: 2"], ["n: 2"]]);
  // an emptied table
  read(0x20);
  assert.throws(() => read(0xbe), Http2Error);
});

Deno.test("BlockCache keeps eight blocks of 512 bytes", () => {
  const cached = new Cached();
  const block = (name: number, length: number) => {
    const value = new Uint8Array(length - 6).fill(0x61);
    const left = value.length - 127;
    return Uint8Array.of(0x00, 1, name, 127, (left & 0x7f) | 0x80, left >> 7, ...value);
  };
  const found = (bytes: Uint8Array) => {
    const before = cached.found;
    const [line = ""] = cached.read(bytes, 0, bytes.length);
    assert.ok(line.startsWith(`${String.fromCharCode(bytes[2] ?? 0)}: aa`), line);
    return cached.found > before;
  };
  assert.deepEqual([found(block(0x61, 513)), found(block(0x61, 513))], [false, false]);
  const names = Array.from("abcdefgh", (name) => name.charCodeAt(0));
  assert.deepEqual(names.map((name) => found(block(name, 512))), names.map(() => false));
  assert.deepEqual(names.map((name) => found(block(name, 512))), names.map(() => true));
  assert.equal(found(block(0x69, 512)), false);
  assert.deepEqual(
    [0x69, 0x62, 0x61].map((name) => found(block(name, 512))),
    [true, true, false],
  );
});
