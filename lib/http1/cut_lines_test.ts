import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeLatin1 } from "../core/latin1.ts";
import { ROLE } from "../http/field_name.ts";
import { RoomyBuffer } from "../io/roomy_buffer.ts";
import { cutLines } from "./cut_lines.ts";
import { textOf } from "./head_bytes.ts";
import { HeadLines } from "./head_lines.ts";

const CUT = { any: ROLE.hopByHop | ROLE.forwarded, but: ROLE.contentLength };

Deno.test("cutLines() closes over the lines that are cut, and leaves what stands behind", () => {
  const line = fc.constantFrom(
    ...["A: b", "Keep-Alive: c", "Forwarded: d", "Content-Length: 3", "Host: e"],
    `Long: ${"x".repeat(300)}`,
  ).map((text) => `${text}\r\n`);
  fc.assert(fc.property(fc.array(line, { maxLength: 12 }), (all) => {
    const text = `${all.join("")}\r\nbody`;
    const buffer = new RoomyBuffer(7 + text.length);
    buffer.bytes.set(encodeLatin1(`before.${text}`));
    const lines = new HeadLines();
    lines.begin(7);
    assert.equal(lines.read(buffer, 7 + text.length, 100), "whole");
    const start = cutLines(buffer.bytes, lines, CUT);
    const kept = all.filter((line) => !/^(Keep-Alive|Forwarded)/.test(line)).join("");
    assert.equal(textOf(buffer.bytes, start, buffer.bytes.length), `${kept}\r\nbody`);
    assert.equal(textOf(buffer.bytes, 0, 7), "before.");
  }));
});
