import assert from "node:assert/strict";
import { settled } from "../../tests/support/settled.ts";
import type { ByteSource } from "../io/connection.ts";
import { ProxyError } from "../core/errors.ts";
import { type PartDecoder, PartReader } from "./part_reader.ts";
import type { FailurePart } from "./request_decoder.ts";

interface Numbered {
  readonly kind: "part";
  readonly number: number;
}

const FAILURE: FailurePart = { kind: "failure", error: new ProxyError("bad_chunk", "broken") };

/** A reader, and its source's other end: each byte is a part of that number, 0 a failure. */
function open() {
  const source = new ScriptedSource();
  const decoder: PartDecoder<Numbered> = {
    feed: (bytes) =>
      Array.from(bytes, (number) => number === 0 ? FAILURE : { kind: "part", number }),
    end: () => [],
  };
  return {
    reader: new PartReader<Numbered>(source, decoder),
    give: (...numbers: number[]) => source.give(Uint8Array.from(numbers)),
    fail: () => source.give(Uint8Array.of(0)),
    end: () => source.give(undefined),
    error: (error: Error) => source.fail(error),
    get pulls() {
      return source.reads;
    },
  };
}

/** Gives what it is told to, in order, one chunk for each read; an error for all reads after it. */
class ScriptedSource implements ByteSource {
  reads = 0;
  readonly #chunks: (Uint8Array | undefined)[] = [];
  readonly #waiting: PromiseWithResolvers<Uint8Array | undefined>[] = [];
  #error: Error | undefined;

  read(): Promise<Uint8Array | undefined> {
    this.reads++;
    if (this.#chunks.length > 0) return Promise.resolve(this.#chunks.shift());
    if (this.#error !== undefined) return Promise.reject(this.#error);
    const waiting = Promise.withResolvers<Uint8Array | undefined>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  give(chunk: Uint8Array | undefined): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#chunks.push(chunk);
    else waiting.resolve(chunk);
  }

  fail(error: Error): void {
    this.#error = error;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
  }
}

Deno.test("PartReader.next() gives the parts of every batch in order, and undefined at the end", async () => {
  const { reader, give, end } = open();
  give(1, 2);
  give();
  give(3);
  end();
  const numbers: (number | undefined)[] = [];
  for (let i = 0; i < 5; i++) numbers.push((await reader.next())?.number);
  assert.deepEqual(numbers, [1, 2, 3, undefined, undefined]);
});

Deno.test("PartReader asks for nothing before somebody does, and once for each batch", async () => {
  const source = open();
  await settled();
  assert.equal(source.pulls, 0);
  const first = source.reader.next();
  await settled();
  assert.equal(source.pulls, 1);
  source.give(1, 2);
  await first;
  await source.reader.next();
  await settled();
  assert.equal(source.pulls, 1);
});

Deno.test("PartReader.buffered tells whether the next part is at hand", async () => {
  const { reader, give } = open();
  give(1, 2);
  assert.equal(reader.buffered, false);
  await reader.next();
  assert.equal(reader.buffered, true);
  await reader.next();
  assert.equal(reader.buffered, false);
});

Deno.test("PartReader.next() throws a failure behind the parts before it", async () => {
  const { reader, give, fail } = open();
  give(1);
  fail();
  assert.equal((await reader.next())?.number, 1);
  await assert.rejects(reader.next(), FAILURE.error);
});

Deno.test("PartReader.next() throws the connection's error", async () => {
  const { reader, error } = open();
  const gone = new ProxyError("client_gone", "gone");
  error(gone);
  await assert.rejects(reader.next(), gone);
  await assert.rejects(reader.next(), gone);
});

Deno.test("PartReader.take() gives what is at hand, and throws a failure behind it", async () => {
  const { reader, give, fail } = open();
  assert.equal(reader.take(), undefined);
  give(1, 2);
  assert.equal((await reader.next())?.number, 1);
  assert.equal(reader.take()?.number, 2);
  assert.equal(reader.take(), undefined);
  fail();
  await assert.rejects(reader.next(), FAILURE.error);
});

Deno.test("PartReader.watch() reads one chunk ahead, once, and tells when it has come", async () => {
  const source = open();
  const told: string[] = [];
  const watch = () => source.reader.watch(() => told.push("input"), () => told.push("break"));
  assert.equal(watch(), true);
  assert.equal(watch(), true);
  await settled();
  assert.deepEqual([source.pulls, told.length], [1, 0]);
  source.give(1, 2);
  await settled();
  assert.deepEqual(told, ["input"]);
  assert.equal((await source.reader.next())?.number, 1);
  assert.equal(source.pulls, 1);
  assert.equal((await source.reader.next())?.number, 2);
});

Deno.test("PartReader.watch() tells of a break behind what is at hand, which next() throws then", async () => {
  const gone = new ProxyError("client_gone", "gone");
  const told: unknown[] = [];
  const source = open();
  source.give(1, 2);
  assert.equal((await source.reader.next())?.number, 1);
  source.reader.watch(() => told.push("input"), (reason) => told.push(reason));
  source.error(gone);
  await settled();
  assert.deepEqual(told, [gone]);
  assert.equal((await source.reader.next())?.number, 2);
  await assert.rejects(source.reader.next(), gone);
});

Deno.test("PartReader.watch() leaves input alone that somebody waits for", async () => {
  const source = open();
  const next = source.reader.next();
  await settled();
  const never = () => assert.fail("Nothing is told");
  assert.equal(source.reader.watch(never, never), false);
  source.give(1);
  assert.equal((await next)?.number, 1);
  source.end();
  assert.equal(await source.reader.next(), undefined);
  assert.equal(source.reader.watch(never, never), false);
  assert.equal(source.pulls, 2);
});

Deno.test("PartReader.next() waits for the input that watch() has asked for", async () => {
  const source = open();
  source.reader.watch(() => {}, () => {});
  const next = source.reader.next();
  await settled();
  source.give(1);
  assert.equal((await next)?.number, 1);
  assert.equal(source.pulls, 1);
});
