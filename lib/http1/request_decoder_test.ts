import assert from "node:assert/strict";
import fc from "fast-check";
import { BAD_REQUESTS } from "../../tests/support/bad_requests.ts";
import { fromLatin1 } from "../../tests/support/connection.ts";
import { brief, cutAt, type Fact, factsOf, feed, SMALL_LIMITS } from "../../tests/support/feed.ts";
import { GOOD_REQUESTS, head } from "../../tests/support/good_requests.ts";
import { mutated } from "../../tests/support/mutate.ts";
import { field } from "../http/field.ts";
import { RequestDecoder } from "./request_decoder.ts";

const decoder = () => new RequestDecoder(SMALL_LIMITS);
const NEXT = head("GET /next HTTP/1.1", "Host: next");

for (const { name, rfc, messages, facts } of GOOD_REQUESTS) {
  const text = messages.join("");

  Deno.test(`RequestDecoder.feed() takes ${name} (RFC ${rfc})`, () => {
    assert.deepEqual(brief(factsOf(decoder, text, { end: true })), facts);
    assert.deepEqual(brief(factsOf(decoder, text + NEXT)), [...facts, "GET /next none"]);
  });

  Deno.test(`RequestDecoder.end() tells when ${name} was cut short`, () => {
    const boundaries = new Set([0]);
    let length = 0;
    for (const message of messages) boundaries.add(length += message.length);
    for (let at = 0; at < text.length; at++) {
      const cut = feed(decoder(), [fromLatin1(text.slice(0, at))], { end: true });
      const codes = cut.filter((fact) => fact.kind === "failure").map(({ code }) => code);
      assert.deepEqual(codes, boundaries.has(at) ? [] : ["truncated_request"], `after ${at} bytes`);
    }
  });
}

for (const [when, rfc, text, code, ...before] of BAD_REQUESTS) {
  Deno.test(`RequestDecoder.feed() refuses a request when ${when} (RFC ${rfc})`, () => {
    const facts = factsOf(decoder, text, { end: true });
    assert.deepEqual(brief(facts), [...before, `failure ${code}`]);
    for (const more of [NEXT, "\r\n\r\n", "0\r\n\r\n", "\0"]) {
      assert.deepEqual(factsOf(decoder, text + more, { end: true }), facts);
    }
  });
}

Deno.test("RequestDecoder.feed() gives the fields byte for byte, without the white space around", () => {
  const [request] = factsOf(
    decoder,
    head("GET / HTTP/1.1", "Host:a", "X-A: \t b \xe9\xff\x80\xa0\t ", "x-a:", "Y:\xa0c\x85"),
  );
  assert.ok(request?.kind === "head");
  assert.deepEqual(request.head.fields, [
    field("Host", "a"),
    field("X-A", "b \xe9\xff\x80\xa0"),
    field("x-a", ""),
    field("Y", "\xa0c\x85"),
  ]);
});

Deno.test("RequestDecoder.feed() gives target, authority, version and size of a request", () => {
  const text = head("GET http://A:80 HTTP/1.0", "Host: a:80");
  const [request] = factsOf(decoder, "\r\n" + text);
  assert.ok(request?.kind === "head" && "target" in request);
  assert.deepEqual(request.target, { path: "/", authority: "A:80" });
  assert.equal(request.head.target, "http://A:80");
  assert.equal(request.head.minor, 0);
  assert.equal(request.size, text.length);
});

Deno.test("RequestDecoder.feed() takes a head that reaches its limits and no larger one", () => {
  const line = head("GET / HTTP/1.1", "Host: a", "A: ");
  const full = line.replace("A: ", `A: ${"b".repeat(1024 - line.length)}`);
  assert.deepEqual(brief(factsOf(decoder, full)), ["GET / none"]);
  const over = full.replace("A: ", "A: b");
  assert.deepEqual(brief(factsOf(decoder, over)), ["failure head_too_large"]);
  const fields = ["Host: a", ...Array(19).fill("A: b")];
  assert.deepEqual(brief(factsOf(decoder, head("GET / HTTP/1.1", ...fields))), ["GET / none"]);
});

Deno.test("RequestDecoder.feed() counts the limit for each head anew", () => {
  const large = head("GET / HTTP/1.1", "Host: a", `A: ${"b".repeat(600)}`);
  assert.deepEqual(brief(factsOf(decoder, large.repeat(4))), Array(4).fill("GET / none"));
});

Deno.test("RequestDecoder.feed() bounds the chunk extensions of a body together", () => {
  const chunk = `1;${"e".repeat(1000)}\r\nx\r\n`;
  const start = head("POST /a HTTP/1.1", "Host: a", "Transfer-Encoding: chunked");
  const facts = feed(decoder(), [fromLatin1(start + chunk.repeat(17))]);
  assert.deepEqual(brief(facts), [
    "POST /a chunked",
    `data ${"x".repeat(16)}`,
    "failure bad_chunk",
  ]);
});

Deno.test("RequestDecoder.feed() takes many small chunk extensions in a long body", () => {
  const chunk = "1;a=b;c\r\nx\r\n" + `100;${"e".repeat(300)}\r\n${"y".repeat(256)}\r\n`;
  const start = head("POST /a HTTP/1.1", "Host: a", "Transfer-Encoding: chunked");
  const facts = feed(decoder(), [fromLatin1(start + chunk.repeat(5000) + "0\r\n\r\n")]);
  assert.deepEqual(facts.map(({ kind }) => kind), ["head", "data", "end"]);
});

Deno.test("RequestDecoder.feed() takes a large head of bytes above ASCII", () => {
  const large = new RequestDecoder({ headerBytes: 1024 * 1024, headers: 20 });
  const value = "\xe9".repeat(1_000_000);
  const [request] = feed(large, [fromLatin1(head("GET / HTTP/1.1", "Host: a", `A: ${value}`))]);
  assert.ok(request?.kind === "head");
  assert.ok(request.head.fields[1]?.value === value);
});

Deno.test("RequestDecoder.insideHead is true from a head's first byte to its last", () => {
  const text = head("POST / HTTP/1.1", "Host: a", "Content-Length: 2");
  const one = decoder();
  const inside = (more: string) => (one.feed(fromLatin1(more)), one.insideHead);
  assert.equal(one.insideHead, false);
  assert.equal(inside("\r"), true);
  assert.equal(inside("\n"), false);
  assert.equal(inside(text.slice(0, 1)), true);
  assert.equal(inside(text.slice(1, -1)), true);
  assert.equal(inside(text.slice(-1)), false);
  assert.equal(inside("a"), false);
  assert.equal(inside("b"), false);
  assert.equal(inside("G"), true);
});

Deno.test("RequestDecoder gives only known failures, and one at most, whatever it is fed", () => {
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: fc.constantFrom(..."GET /:;\r\n\r\n\t0a\x00\xe9"), maxLength: 200 })
      .map(fromLatin1),
    mutated(GOOD_REQUESTS.map(({ messages }) => messages.join(""))),
  );
  fc.assert(
    fc.property(garbage, fc.array(fc.nat(300), { maxLength: 5 }), (bytes, places) => {
      const pieces = cutAt(bytes, places.map((place) => Math.min(place, bytes.length)));
      const facts = feed(decoder(), pieces, { end: true });
      assert.deepEqual(facts, feed(decoder(), [bytes], { end: true }));
      assertSound(facts);
    }),
    { numRuns: 3000 },
  );
});

/** Heads with their bodies in order, and nothing behind a failure. */
function assertSound(facts: readonly Fact[]): void {
  let inBody = false;
  for (const [at, fact] of facts.entries()) {
    if (fact.kind === "failure") {
      assert.equal(at, facts.length - 1);
      assert.notEqual(fact.code, "internal", fact.message);
    } else if (fact.kind === "head") {
      assert.equal(inBody, false);
      inBody = fact.framing.kind !== "none";
    } else {
      assert.equal(inBody, true);
      inBody = fact.kind === "data";
    }
  }
}

Deno.test("RequestDecoder says the same of a request whatever it has read before", () => {
  const whole = GOOD_REQUESTS.filter(({ messages }) => messages.length === 1)
    .flatMap(({ messages }) => messages);
  const next = fc.oneof(fc.constantFrom(...whole).map(fromLatin1), mutated(whole));
  fc.assert(
    fc.property(fc.constantFrom(...whole), next, fc.boolean(), (before, bytes, apart) => {
      const first = fromLatin1(before);
      const pieces = apart ? [first, bytes] : [Uint8Array.of(...first, ...bytes)];
      const alone = feed(new RequestDecoder(SMALL_LIMITS), [first]);
      const facts = feed(new RequestDecoder(SMALL_LIMITS), pieces, { end: true });
      assert.deepEqual(facts.slice(0, alone.length), alone);
      const expected = feed(new RequestDecoder(SMALL_LIMITS), [bytes], { end: true });
      assert.deepEqual(facts.slice(alone.length), expected);
    }),
    { numRuns: 2000 },
  );
});
