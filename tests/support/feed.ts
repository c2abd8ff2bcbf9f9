import assert from "node:assert/strict";
import fc from "fast-check";
import type { BodyPart } from "../../lib/http1/body_decoder.ts";
import type { Field } from "../../lib/http/field.ts";
import type { FailurePart, RequestHeadPart } from "../../lib/http1/request_decoder.ts";
import type { ResponseHeadPart } from "../../lib/http1/response_decoder.ts";
import { fromLatin1, latin1 } from "./connection.ts";

/** Limits small enough to be reached in a test. */
export const SMALL_LIMITS = { headerBytes: 1024, headers: 20 };

/** A decoder as the tests see it. */
export interface Decoder {
  feed(bytes: Uint8Array): readonly Part[];
  end(): readonly Part[];
}

type Part = RequestHeadPart | ResponseHeadPart | BodyPart | FailurePart;

/** A part that no longer depends on the bytes that were fed, nor on the pieces they came in. */
export type Fact =
  | RequestHeadPart
  | ResponseHeadPart
  | { readonly kind: "data"; readonly text: string }
  | { readonly kind: "end"; readonly trailers: readonly Field[] }
  | { readonly kind: "failure"; readonly code: string; readonly message: string };

/**
 * What a decoder says of these bytes. They are fed whole, byte by byte, cut in two everywhere and
 * in random pieces, and have to mean the same each time.
 *
 * @param make makes a decoder that has seen nothing
 * @param end whether the connection ends behind the bytes
 */
export function factsOf(
  make: () => Decoder,
  text: string,
  { end = false }: { end?: boolean } = {},
): readonly Fact[] {
  const bytes = fromLatin1(text);
  const whole = feed(make(), [bytes], { end });
  for (const pieces of waysToCut(bytes)) {
    const cuts = `cut into ${pieces.map(({ length }) => length).join("+")}`;
    assert.deepEqual(feed(make(), pieces, { end }), whole, cuts);
  }
  return whole;
}

/** Feeds these pieces and no others. */
export function feed(
  decoder: Decoder,
  pieces: readonly Uint8Array[],
  { end = false }: { end?: boolean } = {},
): readonly Fact[] {
  const facts: Fact[] = [];
  for (const piece of pieces) {
    const short = Uint8Array.from(piece);
    for (const part of decoder.feed(short)) add(facts, part);
    // parts are views: whatever the decoder itself still needs, it must have copied
    short.fill(0x21);
  }
  if (end) { for (const part of decoder.end()) add(facts, part); }
  return facts;
}

/** A line for each fact, for tables: `POST /a length 3`, `200 chunked`, `data abc`, `end A=b`. */
export function brief(facts: readonly Fact[]): string[] {
  return facts.map((fact) => {
    switch (fact.kind) {
      case "head":
        return `${headline(fact)} ${framingOf(fact)}`;
      case "data":
        return `data ${fact.text}`;
      case "end":
        return ["end", ...fact.trailers.map(({ name, value }) => `${name}=${value}`)].join(" ");
      case "failure":
        return `failure ${fact.code}`;
    }
  });
}

/** Cuts bytes at these places, in whatever order they are. */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const place of [...places].sort((a, b) => a - b)) {
    pieces.push(bytes.subarray(at, place));
    at = place;
  }
  return [...pieces, bytes.subarray(at)];
}

function* waysToCut(bytes: Uint8Array): Generator<Uint8Array[]> {
  yield Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  const step = Math.ceil(bytes.length / 200);
  for (let at = 1; at < bytes.length; at += step) yield cutAt(bytes, [at]);
  const places = fc.array(fc.nat(bytes.length), { maxLength: 8 });
  for (const random of fc.sample(places, { numRuns: 20, seed: bytes.length })) {
    yield cutAt(bytes, random);
  }
}

function add(facts: Fact[], part: Part): void {
  const last = facts.at(-1);
  if (part.kind === "data") {
    assert.ok(part.bytes.length > 0, "no part is empty");
    const text = latin1(part.bytes);
    if (last?.kind === "data") facts[facts.length - 1] = { kind: "data", text: last.text + text };
    else facts.push({ kind: "data", text });
  } else if (part.kind === "failure") {
    facts.push({ kind: "failure", code: part.error.code, message: part.error.message });
  } else {
    facts.push(part);
  }
}

function headline(fact: RequestHeadPart | ResponseHeadPart): string {
  return "target" in fact ? `${fact.head.method} ${fact.target.path}` : `${fact.head.status}`;
}

function framingOf({ framing }: RequestHeadPart | ResponseHeadPart): string {
  return framing.kind === "length" ? `length ${framing.length}` : framing.kind;
}
