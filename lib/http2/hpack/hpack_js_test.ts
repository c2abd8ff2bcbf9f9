import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import hpack from "hpack.js";
import { HeaderDecoder } from "./decoder.ts";
import { HeaderEncoder } from "./encoder.ts";

/** HPACK as somebody else has written it in JavaScript, both ways; without types of its own. */
interface Compressor {
  write(fields: readonly (readonly unknown[] | object)[]): void;
  updateTableSize(size: number): void;
  read(): Buffer | null;
}

interface Decompressor {
  write(block: Uint8Array): void;
  execute(): void;
  read(): { readonly name: string; readonly value: string } | null;
}

const { compressor, decompressor } = hpack as {
  readonly compressor: { create(options: object): Compressor };
  readonly decompressor: { create(options: object): Decompressor };
};

const OPTIONS = { table: { maxSize: 4096 } };

/** Forty requests in a row: what enters the table is referred to, and what is too much leaves it. */
const LISTS = Array.from({ length: 40 }, (_, i): [string, string][] => [
  [":method", i % 2 === 0 ? "GET" : "POST"],
  [":path", `/path/${i}?q=${"x".repeat(i * 7)}`],
  ["user-agent", "Mozilla/5.0 (X11; Linux x86_64)"],
  [`x-own-${i % 5}`, `value ${i}`],
  ["cookie", `a=${i}`],
  ["set-cookie", "s".repeat(i * 100)],
  ["empty", ""],
]);

Deno.test("hpack.js reads what HeaderEncoder writes", () => {
  const encoder = new HeaderEncoder();
  const theirs = decompressor.create(OPTIONS);
  for (const list of LISTS) {
    encoder.begin();
    for (const [name, value] of list) encoder.put(name, value);
    theirs.write(Buffer.from(encoder.block.slice(0, encoder.length)));
    theirs.execute();
    const read: [string, string][] = [];
    for (let field; (field = theirs.read()) !== null;) read.push([field.name, field.value]);
    assert.deepEqual(read, list);
  }
});

Deno.test("HeaderDecoder reads what hpack.js writes, whatever it does to the table", () => {
  const theirs = compressor.create(OPTIONS);
  const decoder = new HeaderDecoder();
  for (const [i, list] of LISTS.entries()) {
    if (i === 20) theirs.updateTableSize(100);
    if (i === 30) theirs.updateTableSize(4096);
    const ways = { incremental: i % 4 !== 3, huffman: i % 3 > 0, neverIndex: false };
    theirs.write(list.map(([name, value]) => ({ name, value, ...ways })));
    const parts: Buffer[] = [];
    for (let part; (part = theirs.read()) !== null;) parts.push(part);
    const block = Uint8Array.from(Buffer.concat(parts));
    const fields = decoder.decode(block, 0, block.length, { bytes: 1e6, fields: 100 });
    assert.deepEqual(fields.map(({ name, value }) => [name, value]), list, `list ${i}`);
  }
});
