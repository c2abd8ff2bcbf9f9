import assert from "node:assert/strict";
import { settled } from "../../tests/support/settled.ts";
import { ProxyError } from "../core/errors.ts";
import { PartReader } from "./part_reader.ts";
import type { FailurePart } from "./request_decoder.ts";

interface Numbered {
  readonly kind: "part";
  readonly number: number;
}

const FAILURE: FailurePart = { kind: "failure", error: new ProxyError("bad_chunk", "broken") };

/** A reader, and the stream's other end. */
function open() {
  let pulls = 0;
  let controller!: ReadableStreamDefaultController<(Numbered | FailurePart)[]>;
  const stream = new ReadableStream<(Numbered | FailurePart)[]>({
    start: (given) => void (controller = given),
    pull: () => void pulls++,
  }, { highWaterMark: 0 });
  return {
    reader: new PartReader<Numbered>(stream),
    give: (...numbers: number[]) =>
      controller.enqueue(numbers.map((number) => ({ kind: "part", number }))),
    fail: () => controller.enqueue([FAILURE]),
    end: () => controller.close(),
    error: (error: Error) => controller.error(error),
    get pulls() {
      return pulls;
    },
  };
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

Deno.test("PartReader.closed follows the stream", async () => {
  const ended = open();
  ended.end();
  await ended.reader.closed;
  const broken = open();
  const gone = new ProxyError("client_gone", "gone");
  broken.error(gone);
  await assert.rejects(broken.reader.closed, gone);
});

Deno.test("PartReader leaves no rejection unhandled when nobody reads", async () => {
  const { reader, error } = open();
  error(new ProxyError("client_gone", "gone"));
  await reader.readAhead();
  await settled();
});

Deno.test("PartReader.readAhead() settles when input comes, which next() gives then", async () => {
  const { reader, give, end } = open();
  let settledAhead = false;
  const ahead = reader.readAhead().then(() => settledAhead = true);
  await settled();
  assert.equal(settledAhead, false);
  give(1, 2);
  give(3);
  end();
  await ahead;
  const numbers: (number | undefined)[] = [];
  for (let i = 0; i < 4; i++) numbers.push((await reader.next())?.number);
  assert.deepEqual(numbers, [1, 2, 3, undefined]);
});

Deno.test("PartReader.readAhead() asks once, however often it is called", async () => {
  const source = open();
  const both = [source.reader.readAhead(), source.reader.readAhead()];
  await settled();
  assert.equal(source.pulls, 1);
  source.give(1);
  await Promise.all(both);
  assert.equal((await source.reader.next())?.number, 1);
});

Deno.test("PartReader.next() waits for the input that readAhead() has asked for", async () => {
  const source = open();
  const ahead = source.reader.readAhead();
  const next = source.reader.next();
  await settled();
  source.give(1);
  assert.equal((await next)?.number, 1);
  await ahead;
  assert.equal(source.pulls, 1);
});

Deno.test("PartReader.readAhead() settles at the end and at an error, which next() gives then", async () => {
  const ended = open();
  ended.end();
  await ended.reader.readAhead();
  assert.equal(await ended.reader.next(), undefined);
  const broken = open();
  const gone = new ProxyError("upstream_gone", "gone");
  broken.error(gone);
  await broken.reader.readAhead();
  await assert.rejects(broken.reader.next(), gone);
});
