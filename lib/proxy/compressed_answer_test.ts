import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import { CONTENT_CODINGS, type ContentCoding } from "../http/accept_encoding.ts";
import { decode, decoder } from "../../tests/support/codings.ts";
import { within } from "../../tests/support/deadline.ts";
import { type Field, field } from "../http/field.ts";
import { UNKNOWN_LENGTH } from "../http/message.ts";
import { CompressedAnswer } from "./compressed_answer.ts";
import { ContentEncoder } from "./content_encoder.ts";
import type { ClientStream } from "./streams.ts";

interface Given {
  readonly coding?: ContentCoding;
  /** Ranges of the server's body, the last of which ends it unless trailers do. */
  readonly ranges: readonly Uint8Array[];
  readonly length?: number;
  readonly trailers?: readonly Field[];
  /** Milliseconds that the client takes for each of its ranges; none for at once. */
  readonly takes?: number | undefined;
  /** Milliseconds that the server is silent for before each of its ranges but the first. */
  readonly gives?: number | undefined;
  readonly isFull?: boolean;
}

/** Carries a body, and gives what the client was told, and the bytes that it got. */
function carry(
  { coding = "gzip", ranges, length, trailers, takes, gives, isFull = false }: Given,
) {
  const told: string[] = [];
  const got: Uint8Array[] = [];
  let open = 0;
  let index = 0;
  const done = Promise.withResolvers<void>();
  const take = () => {
    if (takes === undefined) answer.taken();
    else setTimeout(() => answer.taken(), takes);
  };
  const client = {
    body(bytes: Uint8Array, from: number, to: number, ended: boolean) {
      got.push(bytes.slice(from, to));
      told.push(ended ? "end" : "body");
      take();
    },
    trailers(fields: readonly Field[]) {
      told.push(fields.map(({ line }) => line).join(""));
      take();
    },
  } as unknown as ClientStream;
  const give = () => {
    const range = ranges[index++];
    if (range !== undefined) {
      const ended = index === ranges.length && trailers === undefined;
      // its bytes are written over as soon as it is done with
      const bytes = Uint8Array.from([...[0, 0], ...range]);
      held = bytes;
      answer.body(bytes, 2, bytes.length, ended);
    } else if (index === ranges.length + 1 && trailers !== undefined) answer.trailers(trailers);
    else done.resolve();
  };
  let held = new Uint8Array(0);
  const answer = new CompressedAnswer({
    client,
    coding,
    body: length ?? UNKNOWN_LENGTH,
    user: {
      passed() {
        held.fill(33);
        if (gives === undefined || index === ranges.length) give();
        else setTimeout(give, gives);
      },
      transformFailed: done.reject,
    },
    beginPlain: () => told.push("plain"),
    beginCoded: (size) => told.push(size === UNKNOWN_LENGTH ? "coded" : `coded ${size}`),
    encoder: (user) =>
      isFull ? undefined : (open++, new ContentEncoder(coding, user, () => open--)),
  });
  give();
  return { told, got, answer, done: done.promise, encoders: () => open };
}

function decoded(coding: ContentCoding, got: readonly Uint8Array[]): Buffer {
  return Buffer.from(decode(coding, Buffer.concat(got)));
}

const TEXT = new TextEncoder().encode("All animals are equal. ".repeat(500));

for (const coding of CONTENT_CODINGS) {
  Deno.test(`CompressedAnswer gives the same body, however it is cut (${coding})`, async () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.integer({ min: 0, max: TEXT.length }).map((length) => TEXT.subarray(0, length)),
      fc.integer({ min: 60_000, max: 70_000 }).map((length) =>
        new Uint8Array(length).map((_, index) => (index * 7919 >> 5) % 251)
      ),
    );
    const pause = fc.option(fc.constantFrom(0, 1, 12), { nil: undefined });
    const ranges = fc.array(piece, { minLength: 1, maxLength: 8 });
    const property = fc.asyncProperty(ranges, pause, pause, fc.boolean(), async (...given) => {
      const [ranges, takes, gives, trails] = given;
      const trailers = trails ? [field("X-T", "1")] : undefined;
      const carried = carry({ coding, ranges, takes, gives, ...trailers && { trailers } });
      await carried.done;
      const { told, got, answer } = carried;
      answer[Symbol.dispose]();
      assert.equal(carried.encoders(), 0);
      const body = told[0] === "plain" ? Buffer.concat(got) : decoded(coding, got);
      assert.ok(body.equals(Buffer.concat(ranges)));
      assert.equal(told.at(-1), trails ? "X-T: 1\r\n" : "end");
      assert.equal(told.filter((one) => /^(?:plain|coded)/.test(one)).length, 1);
      assert.equal(told.filter((one) => one === "end").length, trails ? 0 : 1);
    });
    await fc.assert(property, { numRuns: 30 });
  });

  Deno.test(`CompressedAnswer passes on what has come when nothing follows (${coding})`, async () => {
    const decoding = decoder(coding);
    let text = "";
    const all = Promise.withResolvers<void>();
    decoding.on("data", (bytes: Uint8Array) => {
      text += new TextDecoder().decode(bytes);
      if (text === "one two three ") all.resolve();
    });
    const words = ["two ", "three "];
    using answer = new CompressedAnswer({
      client: {
        body(bytes: Uint8Array, from: number, to: number) {
          decoding.write(bytes.slice(from, to));
          answer.taken();
        },
      } as unknown as ClientStream,
      ...{ coding, body: UNKNOWN_LENGTH, beginPlain: assert.fail, beginCoded: () => {} },
      user: { passed: () => give(words.shift()), transformFailed: all.reject },
      encoder: (user) => new ContentEncoder(coding, user),
    });
    const give = (word: string | undefined) => {
      if (word === undefined) return;
      const bytes = new TextEncoder().encode(word);
      answer.body(bytes, 0, bytes.length, false);
    };
    give("one ");
    await within(all.promise, "all that has come");
    decoding.destroy();
  });
}

Deno.test("CompressedAnswer encodes at once what has come whole, and says its length", async () => {
  const { told, got, done, answer, encoders } = carry({ ranges: [TEXT] });
  await done;
  assert.equal(encoders(), 0);
  const size = got[0]?.length ?? 0;
  assert.deepEqual(told, [`coded ${size}`, "end"]);
  assert.ok(decoded("gzip", got).equals(TEXT));
  assert.deepEqual(answer.coded, { coding: "gzip", bytesIn: TEXT.length, bytesOut: size });
});

Deno.test("CompressedAnswer leaves a short body as it is", async () => {
  for (const size of [0, 1, 1023]) {
    const { told, got, done, answer } = carry({ ranges: [TEXT.subarray(0, size)] });
    await done;
    assert.deepEqual(told, ["plain", "end"]);
    assert.equal(got[0]?.length, size);
    assert.equal(answer.coded, undefined);
  }
  const { told, done } = carry({ ranges: [TEXT.subarray(0, 1024)] });
  await done;
  assert.match(told[0] ?? "", /^coded \d+$/);
});

Deno.test("CompressedAnswer leaves a body as it is where too many are encoded", async () => {
  const ranges = [TEXT, TEXT];
  const { told, got, done } = carry({ ranges, isFull: true, trailers: [field("X-T", "1")] });
  await done;
  assert.deepEqual(told, ["plain", "body", "body", "X-T: 1\r\n"]);
  assert.ok(Buffer.concat(got).equals(Buffer.concat(ranges)));
});

Deno.test("CompressedAnswer tells nothing more once it is disposed of", async () => {
  const { told, answer, encoders } = carry({ ranges: [TEXT, TEXT, TEXT], length: TEXT.length * 3 });
  answer[Symbol.dispose]();
  assert.equal(encoders(), 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(told, []);
});
