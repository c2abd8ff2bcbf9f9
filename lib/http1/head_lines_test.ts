import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeLatin1 } from "../core/latin1.ts";
import { ROLE } from "../http/field_name.ts";
import { RoomyBuffer } from "../io/roomy_buffer.ts";
import { textOf } from "./head_bytes.ts";
import { HeadLines, type Reading } from "./head_lines.ts";

/** Where the lines stand in the buffer. */
const AT = 5;

/** Reads lines filled up to each of these places in turn. */
function read(
  text: string,
  { lines = new HeadLines(), maxFields = 100, places = [text.length] } = {},
): { reading: Reading; lines: HeadLines; buffer: RoomyBuffer; place: number } {
  const buffer = new RoomyBuffer(AT + text.length);
  lines.begin(AT);
  for (const place of places) {
    buffer.bytes.set(encodeLatin1(text.slice(0, place)), AT);
    const reading = lines.read(buffer, AT + place, maxFields);
    if (reading !== "more") return { reading, lines, buffer, place };
  }
  return { reading: "more", lines, buffer, place: text.length };
}

function everyPlace(text: string): number[] {
  return Array.from(text, (_, at) => at + 1);
}

/** What is marked: the role, the value, and the whole line. */
function marksOf({ lines, buffer: { bytes } }: ReturnType<typeof read>) {
  return Array.from({ length: lines.marks }, (_, mark) => ({
    role: lines.role(mark),
    value: textOf(bytes, lines.valueStart(mark), lines.valueEnd(mark)),
    line: textOf(bytes, lines.lineStart(mark), lines.lineEnd(mark)),
  }));
}

Deno.test("HeadLines.read() marks the lines that have a role, in whatever pieces they come", () => {
  const text =
    "A: b\r\nHOST: c\r\nUser-Agent: d e\r\nproxy-connection: \r\nX_Forwarded-For: f\r\n\r\nrest";
  for (const places of [[text.length], everyPlace(text)]) {
    const result = read(text, { places });
    assert.equal(result.reading, "whole");
    assert.equal(result.place, places.length === 1 ? text.length : text.indexOf("rest"));
    assert.deepEqual(marksOf(result), [
      { role: ROLE.host, value: "c", line: "HOST: c\r\n" },
      { role: ROLE.hopByHop, value: "", line: "proxy-connection: \r\n" },
      { role: ROLE.forwarded, value: "f", line: "X_Forwarded-For: f\r\n" },
    ]);
    assert.equal(result.lines.roles, ROLE.host | ROLE.hopByHop | ROLE.forwarded);
    assert.equal(result.lines.end, AT + text.indexOf("\r\nrest"));
  }
});

Deno.test("HeadLines.read() takes no lines at all", () => {
  const { reading, lines } = read("\r\n");
  assert.deepEqual([reading, lines.marks, lines.end], ["whole", 0, AT]);
});

Deno.test("HeadLines.begin() forgets the lines before", () => {
  const lines = new HeadLines();
  read("Host: a\r\nTE: b\r\n\r\n", { lines, maxFields: 2 });
  read("Host: a\r\nTE", { lines, maxFields: 2 });
  const { reading } = read("A: b\r\nC: d\r\n\r\n", { lines, maxFields: 2 });
  assert.deepEqual([reading, lines.marks, lines.roles], ["whole", 0, 0]);
});

Deno.test("HeadLines.read() leaves what is not plain to others, as soon as it shows", () => {
  const odd = [
    ...["A:b\r\n", "A:\tb\r\n", "A:  b\r\n", "A: \tb\r\n", "A: b \r\n", "A: b\t\r\n", "A:\r\n"],
    ...["A ", " ", "\t", ":", "\n", "\r\r", "\0", "A\r", "A\t", "\xe9", "A: b\rC", "A: b\n"],
    ...["A: b\r\n ", "A: b\r\n\r\r"],
  ];
  for (const text of odd) {
    for (const places of [[text.length], everyPlace(text)]) {
      const { reading, place } = read(text, { places });
      assert.deepEqual([reading, place], ["odd", text.length], JSON.stringify(text));
    }
    assert.equal(read(text.slice(0, -1), {}).reading, "more", JSON.stringify(text));
  }
});

Deno.test("HeadLines.read() looks at every byte of a value, wherever it stands (RFC 9110 5.5)", () => {
  for (let byte = 0; byte < 256; byte++) {
    const character = String.fromCharCode(byte);
    const isAllowed = byte === 9 || (byte >= 0x20 && byte !== 0x7f);
    for (let before = 0; before < 9; before++) {
      const text = `A: x${"\xff".repeat(before)}${character}y\x80zzzz\r\n\r\n`;
      const reading = isAllowed ? "whole" : "odd";
      assert.equal(read(text).reading, reading, `${byte} behind ${before}`);
      assert.equal(read(text, { places: everyPlace(text) }).reading, reading);
    }
  }
});

Deno.test("HeadLines.read() takes as many lines as it may", () => {
  const text = "A: b\r\n".repeat(3) + "\r\n";
  assert.equal(read(text, { maxFields: 3 }).reading, "whole");
  assert.equal(read(text, { maxFields: 2 }).reading, "odd");
});

Deno.test("HeadLines.read() marks 24 lines, and leaves heads with more to others", () => {
  const line = "Via: a\r\n";
  assert.equal(read(line.repeat(24) + "\r\n").lines.marks, 24);
  assert.equal(read(line.repeat(25) + "\r\n").reading, "odd");
});

Deno.test("HeadLines.read() does not read a long name again for every piece of it", () => {
  assert.equal(read("a".repeat(64)).reading, "more");
  assert.equal(read("a".repeat(65)).reading, "odd");
  assert.equal(read(`${"a".repeat(65)}: b\r\n\r\n`).reading, "whole");
});

Deno.test("HeadLines.read() reads plain lines to their end, cut anywhere", () => {
  const name = fc.constantFrom("A", "Host", "x-forwarded-for", "User-Agent", "Cookie");
  const value = fc.string({ unit: fc.constantFrom(..."ab \t\x80\xff:,"), maxLength: 20 })
    .map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ""));
  const all = fc.array(fc.tuple(name, value).map(([name, value]) => `${name}: ${value}\r\n`), {
    maxLength: 20,
  });
  fc.assert(fc.property(all, fc.array(fc.nat(300), { maxLength: 5 }), (lines, cuts) => {
    const text = lines.join("") + "\r\n";
    const places = [...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length];
    const result = read(text, { places });
    assert.equal(result.reading, "whole");
    const marked = lines.filter((line) => /^(Host|x-forwarded-for):/.test(line));
    assert.deepEqual(marksOf(result).map(({ line }) => line), marked);
  }));
});
