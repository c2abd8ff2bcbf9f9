import assert from "node:assert/strict";
import fc from "fast-check";
import { BAD_REQUESTS } from "../../tests/support/bad_requests.ts";
import { fromLatin1, latin1 } from "../../tests/support/connection.ts";
import { GOOD_REQUESTS } from "../../tests/support/good_requests.ts";
import { mutated } from "../../tests/support/mutate.ts";
import { SMUGGLING } from "../../tests/support/smuggling.ts";
import { ProxyError } from "../core/errors.ts";
import { type Field, fieldLines } from "../http/field.ts";
import { endToEndTrailers } from "../http/hop_fields.ts";
import { NO_BODY, UNKNOWN_LENGTH } from "../http/message.ts";
import { HEAD_ROOM, RoomyBuffer } from "../io/roomy_buffer.ts";
import { bodyDecoder } from "./body_decoder.ts";
import { answerBodyRules, type BodyRules, requestBodyRules } from "./body_rules.ts";
import { BodyWalk } from "./body_walk.ts";
import type { Framing } from "./framing.ts";

const LIMITS = { headerBytes: 200, headers: 5 };
const REQUESTS = requestBodyRules(LIMITS);
const ANSWERS = answerBodyRules(LIMITS);

type Kind = "length" | "chunked" | "until_close";

interface Body {
  readonly kind: Kind;
  /** Where the kind says so. */
  readonly length?: number;
  readonly chunks: boolean;
  readonly rules: BodyRules;
}

/** What is said of a body: what it is, whether it goes on, and where it ends. */
interface Said {
  readonly data: string;
  readonly trailers: string;
  readonly ended: boolean;
  readonly rest: string;
  readonly error?: string;
}

/** By the decoder. */
function bySlowWay(text: string, body: Body): Said {
  const decoder = bodyDecoder(framingOf(body), body.rules);
  const bytes = fromLatin1(text);
  let data = "";
  let trailers = "";
  const said = (rest: string, error?: string) => ({
    ...{ data, trailers, ended: error === undefined && (decoder?.done ?? true), rest },
    ...(error === undefined ? {} : { error }),
  });
  try {
    const end = decoder?.feed(bytes, 0, (part) => {
      if (part.kind === "data") data += latin1(part.bytes);
      else trailers = fieldLines(endToEndTrailers(part.trailers));
    });
    return said(text.slice(end));
  } catch (error) {
    assert.ok(error instanceof ProxyError, String(error));
    return said("", `${error.code}: ${error.message}`);
  }
}

/** By walking over pieces that end at these places. What goes on in chunks is read again. */
function byWalk(text: string, body: Body, places: readonly number[]): Said {
  const walk = walkOf(body);
  let out = "";
  let fed = 0;
  let rest = "";
  try {
    for (const place of places) {
      const piece = rest + text.slice(fed, place);
      fed = place;
      rest = "";
      if (walk.ended) rest = piece;
      else {
        const taken = take(walk, piece, place === places[0]);
        out += taken.out;
        rest = taken.rest;
      }
    }
  } catch (error) {
    assert.ok(error instanceof ProxyError, String(error));
    return {
      ...read(out, walk, body),
      ended: false,
      rest: "",
      error: `${error.code}: ${error.message}`,
    };
  }
  return { ...read(out, walk, body), ended: walk.ended, rest };
}

/** Feeds a piece in a buffer of its own; what is behind it and before its room is not to be touched. */
function take(walk: BodyWalk, piece: string, isFirst = false): { out: string; rest: string } {
  const buffer = new RoomyBuffer(HEAD_ROOM + piece.length + 10);
  buffer.bytes.fill(0x21);
  buffer.bytes.set(fromLatin1(piece), HEAD_ROOM);
  walk.take(buffer, HEAD_ROOM, HEAD_ROOM + piece.length);
  const { at } = walk;
  assert.match(latin1(buffer.bytes.subarray(HEAD_ROOM + piece.length)), /^!{10}$/);
  // a head may lie right before the first piece
  const room = isFirst ? 0 : 32;
  assert.match(latin1(buffer.bytes.subarray(0, HEAD_ROOM - room)), /^!*$/);
  const rest = latin1(buffer.bytes.subarray(at, HEAD_ROOM + piece.length));
  assert.equal(rest, piece.slice(at - HEAD_ROOM), "what is behind the body stays");
  return { out: latin1(walk.buffer.subarray(walk.from, walk.to)), rest };
}

/** What a reader makes of what went on: it is plain, or in chunks of our own spelling. */
function read(out: string, walk: BodyWalk, { chunks, kind }: Body) {
  const trailers = (fields: readonly Field[]) => fieldLines(endToEndTrailers(fields));
  if (!chunks || kind === "length") return { data: out, trailers: trailers(walk.trailers) };
  let data = "";
  let at = 0;
  for (;;) {
    const line = /^([1-9a-f][0-9a-f]*|0)\r\n/.exec(out.slice(at, at + 20));
    if (line === null) break;
    at += line[0].length;
    const size = parseInt(line[1] ?? "", 16);
    if (size === 0) {
      assert.ok(walk.ended && out.endsWith("\r\n"));
      return { data, trailers: out.slice(at, -2) };
    }
    data += out.slice(at, at + size);
    at += size;
    if (at >= out.length) break;
    assert.equal(out.slice(at, at + 2), "\r\n".slice(0, out.length - at), JSON.stringify(out));
    at += 2;
  }
  assert.ok(at >= out.length && !walk.ended, JSON.stringify(out));
  return { data, trailers: "" };
}

function walkOf({ kind, length, chunks, rules }: Body): BodyWalk {
  const walk = new BodyWalk();
  walk.begin(kind === "length" ? length ?? 0 : UNKNOWN_LENGTH, kind === "chunked", rules);
  walk.chunks = chunks;
  return walk;
}

function framingOf({ kind, length = 0 }: Body): Framing {
  return kind === "length" ? { kind, length } : { kind };
}

const BODIES: readonly Body[] = [REQUESTS, ANSWERS].flatMap((rules) =>
  [true, false].map((chunks): Body => ({ kind: "chunked", chunks, rules }))
);

/** Chunked bodies out of the tables of requests. */
const TEXTS = [
  ...GOOD_REQUESTS.flatMap(({ messages }) => messages),
  ...BAD_REQUESTS.map(([, , bytes]) => bytes),
  ...SMUGGLING.map(([, bytes]) => bytes),
].filter((text) => text.includes("ransfer-Encoding: chunked"))
  .map((text) => text.slice(text.indexOf("\r\n\r\n") + 4));

function check(text: string, body: Body, cuts: readonly number[] = []): void {
  const expected = bySlowWay(text, body);
  const everywhere = Array.from(text, (_, at) => at + 1);
  const some = [...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length];
  for (const places of [[text.length], everywhere, some]) {
    const said = byWalk(text, body, places);
    // where it breaks, some of what came before may not have been passed on
    if (expected.error !== undefined) assert.ok(expected.data.startsWith(said.data));
    const data = expected.error === undefined ? expected.data : said.data;
    assert.deepEqual(said, { ...expected, data }, JSON.stringify(text));
  }
}

Deno.test("BodyWalk says of chunks what the decoder says, whole and byte by byte", () => {
  assert.ok(TEXTS.length > 40);
  for (const text of TEXTS) for (const body of BODIES) check(text, body);
});

Deno.test("BodyWalk says of every byte in a chunk's size what the decoder says", () => {
  for (let code = 0; code < 256; code++) {
    const byte = String.fromCharCode(code);
    for (const size of [`${byte}1`, `1${byte}`, byte]) {
      for (const body of BODIES) check(`${size}\r\n${"a".repeat(17)}\r\n0\r\n\r\n`, body);
    }
  }
});

Deno.test("BodyWalk says of damaged chunks what the decoder says, cut anywhere", () => {
  const size = fc.tuple(
    fc.constantFrom("", "", "", "0", "00"),
    fc.constantFrom("", "", ";a=b", " "),
  )
    .map(([before, behind]) => (count: number) => `${before}${count.toString(16)}${behind}`);
  const chunk = fc.tuple(
    fc.string({ unit: fc.constantFrom("a", "\r", "\n", "0", "\xff"), minLength: 1, maxLength: 40 }),
    size,
    fc.boolean(),
  )
    .map(([data, size, upper]) =>
      `${upper ? size(data.length).toUpperCase() : size(data.length)}\r\n${data}\r\n`
    );
  const trailers = fc.constantFrom("", "", "A:b\r\n", "A: b\r\nHost: c\r\n", "B:\r\nC:d\r\n");
  const whole = fc.tuple(
    fc.array(chunk, { maxLength: 5 }),
    size,
    trailers,
    fc.constantFrom("", "GET / H"),
  )
    .map(([chunks, size, trailers, rest]) =>
      `${chunks.join("")}${size(0)}\r\n${trailers}\r\n${rest}`
    );
  const texts = fc.oneof(
    whole,
    whole.chain((text) => mutated([text]).map(latin1)),
    mutated(TEXTS).map(latin1),
  );
  fc.assert(
    fc.property(texts, fc.constantFrom(...BODIES), fc.array(fc.nat(120), { maxLength: 6 }), check),
    { numRuns: 1000 },
  );
});

Deno.test("BodyWalk takes bodies of a length and until the end, cut anywhere", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "\r", "\n"), maxLength: 60 });
  const kinds = fc.constantFrom<Kind>("length", "until_close");
  const cuts = fc.array(fc.nat(60), { maxLength: 6 });
  fc.assert(
    fc.property(text, kinds, fc.nat(60), fc.boolean(), cuts, (text, kind, length, chunks, cuts) => {
      check(text, { kind, length, chunks, rules: ANSWERS }, cuts);
    }),
  );
});

Deno.test("BodyWalk passes chunks of our own spelling as they are, however they are cut", () => {
  const text = "3\r\nabc\r\n1f\r\n" + "x".repeat(31) + "\r\na\r\n0123456789\r\n0\r\n\r\n";
  const body: Body = { kind: "chunked", chunks: true, rules: REQUESTS };
  for (let cut = 0; cut <= text.length; cut++) {
    const walk = walkOf(body);
    const first = take(walk, text.slice(0, cut));
    const second = take(walk, text.slice(cut));
    assert.equal(first.out + second.out, text);
    assert.deepEqual([walk.ended, walk.bytes], [true, 44]);
  }
});

Deno.test("BodyWalk frames what its decoder reads, and closes each chunk as soon as it may", () => {
  const walk = walkOf({ kind: "chunked", chunks: true, rules: REQUESTS });
  assert.equal(take(walk, "5;a\r\nab").out, "2\r\nab");
  assert.equal(take(walk, "cd").out, "\r\n2\r\ncd");
  assert.equal(take(walk, "e\r\n").out, "\r\n1\r\ne\r\n");
  assert.equal(take(walk, "2\r\nfg\r\n0\r\nA:b\r\n\r\n").out, "2\r\nfg\r\n0\r\nA: b\r\n\r\n");
  assert.deepEqual([walk.ended, walk.bytes], [true, 7]);
});

Deno.test("BodyWalk gives plain bytes and trailers where no chunks are asked for", () => {
  const walk = walkOf({ kind: "chunked", chunks: false, rules: REQUESTS });
  assert.equal(take(walk, "1\r\na\r\n02\r\nbc\r\n3\r\nd").out, "abcd");
  assert.equal(take(walk, "ef\r\n0\r\nA: b\r\nHost: c\r\n\r\nrest").out, "ef");
  assert.deepEqual(walk.trailers.map(({ line }) => line), ["A: b\r\n", "Host: c\r\n"]);
});

Deno.test("BodyWalk frames a body until the end in the room before it", () => {
  const walk = walkOf({ kind: "until_close", chunks: true, rules: ANSWERS });
  const piece = "a".repeat(300);
  assert.equal(walk.before(piece.length), "12c\r\n\r\n".length);
  assert.equal(walk.before(0), 0);
  const buffer = new RoomyBuffer(HEAD_ROOM + piece.length);
  buffer.bytes.set(fromLatin1(piece), HEAD_ROOM);
  // a head that leaves no room lies before the first piece
  const room = walk.before(piece.length);
  walk.take(buffer, HEAD_ROOM, buffer.bytes.length, room - 1);
  assert.equal(latin1(walk.buffer.subarray(walk.from, walk.to)), `12c\r\n${piece}\r\n`);
  assert.notEqual(walk.buffer, buffer.bytes);
  walk.take(buffer, HEAD_ROOM, buffer.bytes.length);
  assert.equal(walk.buffer, buffer.bytes);
  assert.equal(walk.from, HEAD_ROOM - walk.before(piece.length));
  assert.equal(latin1(walk.buffer.subarray(walk.from, walk.to)), `12c\r\n${piece}\r\n`);
  walk.finish(buffer, HEAD_ROOM);
  assert.equal(latin1(walk.buffer.subarray(walk.from, walk.to)), "0\r\n\r\n");
  assert.equal(walk.ended, true);
  // where no chunks are asked for the end says it all
  const plain = walkOf({ kind: "until_close", chunks: false, rules: ANSWERS });
  assert.equal(plain.before(9), 0);
  assert.equal(take(plain, "abc").out, "abc");
  plain.finish(buffer, HEAD_ROOM);
  assert.deepEqual([plain.from === plain.to, plain.ended], [true, true]);
});

Deno.test("BodyWalk.finish() breaks off what has a length or chunks, as the decoders do", () => {
  const buffer = new RoomyBuffer(HEAD_ROOM);
  const cut = walkOf({ kind: "length", length: 5, chunks: false, rules: ANSWERS });
  take(cut, "ab");
  const code = "truncated_response";
  assert.throws(() => cut.finish(buffer, HEAD_ROOM), { code, message: /ended 3 bytes too early/ });
  const last = walkOf({ kind: "length", length: 3, chunks: false, rules: ANSWERS });
  take(last, "ab");
  assert.throws(() => last.finish(buffer, HEAD_ROOM), { code, message: /ended 1 byte too early/ });
  const chunks = walkOf({ kind: "chunked", chunks: true, rules: ANSWERS });
  take(chunks, "1\r\na\r\n");
  assert.throws(() => chunks.finish(buffer, HEAD_ROOM), { code, message: /before its last chunk/ });
});

Deno.test("BodyWalk has nothing to take of no body, and of an empty one", () => {
  for (const length of [NO_BODY, 0]) {
    const walk = new BodyWalk();
    walk.begin(length, false, REQUESTS);
    assert.equal(walk.ended, true);
    assert.deepEqual(take(walk, "GET /"), { out: "", rest: "GET /" });
  }
});

Deno.test("BodyWalk gives plain bytes where nothing is said of chunks", () => {
  for (const isChunked of [true, false]) {
    const walk = walkOf({ kind: "chunked", chunks: true, rules: ANSWERS });
    take(walk, "0\r\n\r\n");
    walk.begin(UNKNOWN_LENGTH, isChunked, ANSWERS);
    assert.equal(take(walk, isChunked ? "3\r\nabc\r\n" : "abc").out, "abc");
  }
});

Deno.test("BodyWalk.begin() forgets the body before", () => {
  const walk = walkOf({ kind: "chunked", chunks: true, rules: REQUESTS });
  take(walk, "1;a\r\na\r\n0\r\nA: b\r\n\r\n");
  walk.begin(3, false, REQUESTS);
  assert.deepEqual([walk.ended, walk.bytes, walk.trailers], [false, 0, []]);
  walk.chunks = true;
  assert.deepEqual(take(walk, "abcd"), { out: "abc", rest: "d" });
  assert.deepEqual([walk.ended, walk.bytes], [true, 3]);
});
