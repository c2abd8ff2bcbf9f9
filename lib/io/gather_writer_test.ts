import assert from "node:assert/strict";
import { settled } from "../../tests/support/settled.ts";
import { POOLED_BYTES } from "./buffer_pool.ts";
import { GatherWriter } from "./gather_writer.ts";

/** A writer, and what comes out of it; `hold` keeps writes from settling. */
function open() {
  const chunks: Uint8Array[] = [];
  let gate: Promise<void> = Promise.resolve();
  let closed = false;
  const writer = new GatherWriter({
    async write(chunk) {
      chunks.push(chunk);
      await gate;
    },
    endWrites: () => {
      closed = true;
      return Promise.resolve();
    },
  });
  return {
    writer,
    /** As they came, so overwritten once they are free. */
    chunks,
    get closed() {
      return closed;
    },
    hold() {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      gate = promise;
      return { release: resolve, fail: reject };
    },
  };
}

const bytes = (text: string) => new TextEncoder().encode(text);
const texts = (chunks: readonly Uint8Array[]) => chunks.map((c) => new TextDecoder().decode(c));

Deno.test("GatherWriter.flush() writes all pieces at once, in order", async () => {
  const { writer, chunks } = open();
  for (const text of ["a", "", "bcd", "e"]) writer.push(bytes(text));
  await writer.flush();
  assert.deepEqual(texts(chunks), ["abcde"]);
});

Deno.test("GatherWriter.flush() writes nothing when there is nothing", async () => {
  const { writer, chunks } = open();
  writer.push(new Uint8Array(0));
  await writer.flush();
  assert.deepEqual(chunks, []);
});

Deno.test("GatherWriter.flush() does not copy a single piece", async () => {
  const { writer, chunks } = open();
  const piece = bytes("abc");
  writer.push(piece);
  await writer.flush();
  assert.equal(chunks[0], piece);
});

Deno.test("GatherWriter.flush() writes what was pushed since the last one", async () => {
  const { writer, chunks, hold } = open();
  const { release } = hold();
  writer.push(bytes("a"));
  const first = writer.flush();
  writer.push(bytes("b"));
  release();
  await first;
  await writer.flush();
  assert.deepEqual(texts(chunks), ["a", "b"]);
});

Deno.test("GatherWriter.drop() forgets what was not flushed", async () => {
  const { writer, chunks } = open();
  writer.push(bytes("a"));
  writer.drop();
  writer.push(bytes("b"));
  await writer.flush();
  assert.deepEqual(texts(chunks), ["b"]);
});

for (const size of [POOLED_BYTES - 1, POOLED_BYTES, POOLED_BYTES + 1, 3 * POOLED_BYTES]) {
  Deno.test(`GatherWriter.flush() writes ${size} bytes at once`, async () => {
    const { writer, chunks } = open();
    const piece = Uint8Array.from({ length: size }, (_, at) => at % 251);
    writer.push(piece.subarray(0, 10));
    writer.push(piece.subarray(10));
    await writer.flush();
    assert.equal(chunks.length, 1);
    assert.deepEqual(chunks[0], piece);
  });
}

Deno.test("GatherWriter keeps its buffer until the write has settled, then gives it back", async () => {
  const { writer, chunks, hold } = open();
  const { release } = hold();
  writer.push(bytes("a"));
  writer.push(bytes("b"));
  const flushed = writer.flush();
  await settled();
  const buffer = chunks[0]?.buffer;
  assert.notEqual(await bufferOfNext(), buffer);
  release();
  await flushed;
  assert.equal(await bufferOfNext(), buffer);
});

/** The buffer that another writer gets. */
async function bufferOfNext(): Promise<unknown> {
  const { writer, chunks } = open();
  writer.push("ab");
  await writer.flush();
  return chunks[0]?.buffer;
}

Deno.test("GatherWriter.flush() fails as the write does, and its buffer is used no more", async () => {
  const { writer, chunks, hold } = open();
  const { fail } = hold();
  writer.push(bytes("a"));
  writer.push(bytes("b"));
  const flushed = writer.flush();
  await settled();
  const broken = new Error("broken");
  fail(broken);
  await assert.rejects(flushed, broken);
  assert.notEqual(await bufferOfNext(), chunks[0]?.buffer);
  writer.push(bytes("c"));
  await assert.rejects(writer.flush(), broken);
});

Deno.test("GatherWriter writes text one byte a character, between bytes", async () => {
  const { writer, chunks } = open();
  for (const piece of ["a\xe9\xff", bytes("b"), "", "c"]) writer.push(piece);
  await writer.flush();
  assert.deepEqual([...chunks[0] ?? []], [0x61, 0xe9, 0xff, 0x62, 0x63]);
  writer.push("\xa0");
  await writer.flush();
  assert.deepEqual([...chunks[1] ?? []], [0xa0]);
});

Deno.test("GatherWriter.close() closes behind what was flushed", async () => {
  const opened = open();
  opened.writer.push(bytes("a"));
  await opened.writer.flush();
  await opened.writer.close();
  assert.deepEqual(texts(opened.chunks), ["a"]);
  assert.equal(opened.closed, true);
});

Deno.test("GatherWriter puts text into the room before bytes, and copies none of them", async () => {
  for (const pieces of [["abc"], ["a", "b\xff"], ["\xe9\xe9\xe9"], ["ab"], []]) {
    const { writer, chunks } = open();
    const buffer = new Uint8Array(12).fill(0x2e);
    buffer.set(bytes("body"), 5);
    for (const piece of pieces) writer.push(piece);
    writer.push(buffer.subarray(5, 9), 3);
    await writer.flush();
    const text = pieces.join("");
    assert.equal(latin1(chunks[0]), `${text}body`);
    assert.equal(chunks[0]?.buffer, buffer.buffer);
    assert.equal(
      latin1(buffer),
      `${".".repeat(5 - text.length)}${text}body...`,
      "all else is as it was",
    );
  }
});

Deno.test("GatherWriter leaves alone what stands before bytes where that is not said to be over", async () => {
  const cases: readonly [pieces: readonly string[], room: number | undefined][] = [
    [["abcd"], 3],
    [["a"], undefined],
    [["a"], 0],
  ];
  for (const [pieces, room] of cases) {
    const { writer, chunks } = open();
    const buffer = bytes(".....body...");
    for (const piece of pieces) writer.push(piece);
    writer.push(buffer.subarray(5, 9), room);
    await writer.flush();
    assert.equal(latin1(chunks[0]), `${pieces.join("")}body`);
    assert.equal(latin1(buffer), ".....body...");
  }
});

Deno.test("GatherWriter uses no room behind other bytes, nor with text behind it", async () => {
  for (const behind of ["bytes", "text"]) {
    const { writer, chunks } = open();
    const buffer = bytes("first.....body");
    writer.push("a");
    if (behind === "bytes") writer.push(buffer.subarray(0, 5));
    writer.push(buffer.subarray(10), 10);
    if (behind === "text") writer.push("c");
    await writer.flush();
    assert.equal(latin1(chunks[0]), behind === "bytes" ? "afirstbody" : "abodyc");
    assert.equal(latin1(buffer), "first.....body");
  }
});

Deno.test("GatherWriter.drop() forgets the room, too", async () => {
  const { writer, chunks } = open();
  const buffer = bytes("....body");
  writer.push(buffer.subarray(4), 4);
  writer.drop();
  writer.push("a");
  writer.push(buffer.subarray(4));
  await writer.flush();
  assert.equal(latin1(chunks[0]), "abody");
  assert.equal(latin1(buffer), "....body");
});

function latin1(bytes: Uint8Array | undefined): string {
  return String.fromCharCode(...bytes ?? []);
}
