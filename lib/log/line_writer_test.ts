import assert from "node:assert/strict";
import { openLineWriter } from "./line_writer.ts";
import type { ByteOutput } from "./write_all.ts";

Deno.test("openLineWriter() writes the lines of one turn in one write", async () => {
  const reader = fakeReader();
  const writer = openLineWriter(reader);
  for (const line of ["a", "b", "c"]) writer.write(line);
  await writer.close();
  assert.deepEqual(reader.writes, ["a\nb\nc\n"]);
});

Deno.test("openLineWriter() writes the rest when the reader takes only a part", async () => {
  const reader = fakeReader({ most: 2 });
  const writer = openLineWriter(reader);
  writer.write("abcde");
  await writer.close();
  assert.equal(reader.text(), "abcde\n");
});

Deno.test("openLineWriter() drops what a stopped reader leaves and says so later", async () => {
  const reader = fakeReader();
  const writer = openLineWriter(reader, { limit: 100, droppedLine: (n) => `(${n} dropped)` });
  const resume = reader.stop();
  for (let i = 0; i < 100; i++) writer.write(`line ${i}`);
  await reader.asked;
  for (let i = 100; i < 1000; i++) writer.write(`line ${i}`);
  resume();
  await writer.close();

  const lines = reader.text().split("\n").slice(0, -1);
  const kept = lines.filter((line) => line.startsWith("line"));
  assert.deepEqual(kept, kept.map((_, i) => `line ${i}`), "the first lines, in order");
  const told = lines.map((line) => /^\((\d+) dropped\)$/.exec(line)?.[1] ?? "0");
  assert.equal(told.reduce((sum, count) => sum + Number(count), 0) + kept.length, 1000);
  assert.ok(reader.text().length < 250);
});

Deno.test("openLineWriter() goes on after a drop", async () => {
  const reader = fakeReader();
  const writer = openLineWriter(reader, { limit: 30, droppedLine: (n) => `(${n} dropped)` });
  for (const line of ["first", "much too long for what is left", "b"]) writer.write(line);
  await reader.wrote(1);
  writer.write("last");
  await writer.close();
  assert.equal(reader.text(), "first\n(2 dropped)\nlast\n");
});

Deno.test("openLineWriter() counts what nobody reads, and goes on for who reads again", async () => {
  const reader = fakeReader();
  const failures: string[] = [];
  let isRead = false;
  const writer = openLineWriter({
    write: (bytes) => isRead ? reader.write(bytes) : Promise.reject(brokenPipe()),
  }, {
    droppedLine: (count, reason) => `(${count} dropped: ${reason})`,
    onFailure: (reason) => void failures.push(reason),
  });
  writer.write("a");
  writer.write("b");
  await new Promise((resolve) => setTimeout(resolve, 5));
  isRead = true;
  await reader.wrote(1);
  writer.write("c");
  await writer.close();
  assert.equal(reader.text(), "(2 dropped: nobody reads it)\nc\n");
  assert.deepEqual(failures, ["nobody reads it"]);
  assert.equal(writer.dropped, 2);
});

Deno.test("openLineWriter() that ends with its reader is silent once that is gone", async () => {
  let writes = 0;
  const writer = openLineWriter({
    write: () => {
      writes++;
      return Promise.reject(brokenPipe());
    },
  }, { endsWithReader: true });
  writer.write("a");
  await writer.close();
  writer.write("b");
  await writer.close();
  assert.equal(writes, 1);
  assert.equal(writer.dropped, 0);
});

Deno.test("openLineWriter() close() does not wait for a reader that is gone", async () => {
  const writer = openLineWriter(
    { write: () => Promise.reject(brokenPipe()) },
    { limit: Infinity, closeTimeout: Infinity },
  );
  writer.write("a");
  await new Promise((resolve) => setTimeout(resolve, 5));
  writer.write("b");
  await writer.close();
  assert.equal(writer.dropped, 2);
});

Deno.test("openLineWriter() tries again after another failure and counts the loss", async () => {
  const reader = fakeReader();
  let full = true;
  const writer = openLineWriter({
    write: (bytes) => full ? Promise.reject(new Error("disk full")) : reader.write(bytes),
  }, { droppedLine: (n) => `(${n} dropped)` });
  writer.write("a");
  writer.write("b");
  await new Promise((resolve) => setTimeout(resolve, 5));
  full = false;
  writer.write("c");
  await writer.close();
  assert.equal(reader.text(), "(3 dropped)\n");
});

Deno.test("openLineWriter() tells why lines were lost, once at once and then beside their count", async () => {
  const reader = fakeReader({ most: 4 });
  const failures: string[] = [];
  let room = 6;
  const writer = openLineWriter({
    write: (bytes) => {
      if (room === 0) return Promise.reject(new Error("No space left on device (os error 28)"));
      const taken = bytes.subarray(0, Math.min(room, 4));
      room -= taken.length;
      return reader.write(taken);
    },
  }, {
    droppedLine: (count, reason) => `(${count} dropped: ${reason})`,
    onFailure: (reason) => void failures.push(reason),
  });
  for (const line of ["aa", "bb", "cc"]) writer.write(line);
  await reader.wrote(2);
  await new Promise((resolve) => setTimeout(resolve, 5));
  writer.lost(2, "No space left on device");
  room = Infinity;
  await writer.close();
  assert.equal(reader.text(), "aa\nbb\n(3 dropped: No space left on device)\n");
  assert.deepEqual(failures, ["No space left on device"]);
  assert.equal(writer.dropped, 3);
});

Deno.test("openLineWriter() without a limit drops nothing, and waits for who reads", async () => {
  const reader = fakeReader();
  const resume = reader.stop();
  const writer = openLineWriter(reader, { limit: Infinity, closeTimeout: Infinity });
  const lines = Array.from({ length: 3 }, (_, i) => `${i}`.repeat(1 << 20));
  for (const line of lines) writer.write(line);
  const closed = writer.close();
  assert.equal(
    await Promise.race([closed, new Promise((end) => setTimeout(end, 20, "open"))]),
    "open",
  );
  resume();
  await closed;
  assert.equal(reader.text(), lines.map((line) => `${line}\n`).join(""));
});

Deno.test("openLineWriter() asks a pipe that has no room again", async () => {
  const reader = fakeReader();
  let full = true;
  const writer = openLineWriter({
    write: (bytes) => full ? Promise.reject(new Deno.errors.WouldBlock()) : reader.write(bytes),
  });
  writer.write("a");
  await new Promise((resolve) => setTimeout(resolve, 5));
  full = false;
  await writer.close();
  assert.equal(reader.text(), "a\n");
});

Deno.test("openLineWriter() close() does not wait for ever for a stopped reader", async () => {
  const reader = fakeReader();
  const resume = reader.stop();
  const writer = openLineWriter(reader, { closeTimeout: 10 });
  writer.write("a");
  await writer.close();
  assert.equal(reader.text(), "");
  resume();
  await reader.wrote(1);
});

/** What the system says of a pipe without a reader. */
function brokenPipe(): Error {
  return Object.assign(new Deno.errors.BrokenPipe("Broken pipe (os error 32)"), { code: "EPIPE" });
}

interface FakeReader extends ByteOutput {
  readonly writes: readonly string[];
  /** Settles when the first write has come in. */
  readonly asked: Promise<void>;
  text(): string;
  /** Holds writes back until the function it returns is called. */
  stop(): () => void;
  /** Settles when so many writes were taken. */
  wrote(count: number): Promise<void>;
}

function fakeReader({ most = Infinity } = {}): FakeReader {
  const writes: string[] = [];
  const asked = Promise.withResolvers<void>();
  const watchers = new Map<number, () => void>();
  let gate: Promise<void> = Promise.resolve();
  return {
    writes,
    asked: asked.promise,
    text: () => writes.join(""),
    stop() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
    wrote(count) {
      if (writes.length >= count) return Promise.resolve();
      return new Promise((resolve) => watchers.set(count, resolve));
    },
    async write(bytes) {
      asked.resolve();
      await gate;
      const taken = bytes.subarray(0, most);
      writes.push(new TextDecoder().decode(taken));
      watchers.get(writes.length)?.();
      return taken.length;
    },
  };
}
