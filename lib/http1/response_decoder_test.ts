import assert from "node:assert/strict";
import fc from "fast-check";
import {
  BAD_ANSWERS,
  CUT_ANSWERS,
  GOOD_ANSWERS,
  LARGE_ANSWERS,
  UNTIL_CLOSE_ANSWERS,
} from "../../tests/support/answers.ts";
import { fromLatin1 } from "../../tests/support/connection.ts";
import { brief, cutAt, factsOf, feed, SMALL_LIMITS } from "../../tests/support/feed.ts";
import { head } from "../../tests/support/good_requests.ts";
import { mutated } from "../../tests/support/mutate.ts";
import { field } from "../http/field.ts";
import { ResponseDecoder } from "./response_decoder.ts";

/** A decoder that waits for the answer to such a request. */
function expecting(method = "GET"): () => ResponseDecoder {
  return () => {
    const decoder = new ResponseDecoder(SMALL_LIMITS);
    decoder.expect(method);
    return decoder;
  };
}

const NEXT = head("HTTP/1.1 200 OK", "Content-Length: 0");

for (const { name, rfc, bytes, facts, method } of GOOD_ANSWERS) {
  Deno.test(`ResponseDecoder.feed() takes ${name} (RFC ${rfc})`, () => {
    assert.deepEqual(brief(factsOf(expecting(method), bytes, { end: true })), facts);
  });

  Deno.test(`ResponseDecoder.feed() refuses more than was asked for behind ${name}`, () => {
    for (const more of [NEXT, "\r\n", "x", "\0"]) {
      const all = brief(factsOf(expecting(method), bytes + more, { end: true }));
      assert.deepEqual(all, [...facts, "failure bad_response"]);
    }
  });

  Deno.test(`ResponseDecoder.idle tells when ${name} has ended`, () => {
    const decoder = expecting(method)();
    for (const byte of fromLatin1(bytes)) {
      assert.equal(decoder.idle, false);
      decoder.feed(Uint8Array.of(byte));
    }
    assert.equal(decoder.idle, true);
    decoder.feed(fromLatin1("x"));
    assert.equal(decoder.idle, false);
  });

  Deno.test(`ResponseDecoder.end() tells when ${name} was cut short`, () => {
    for (let at = 1; at < bytes.length; at++) {
      const last = feed(expecting(method)(), [fromLatin1(bytes.slice(0, at))], { end: true }).at(
        -1,
      );
      assert.ok(last?.kind === "failure");
      const boundary = bytes.slice(0, at).endsWith("\r\n\r\n") &&
        bytes.slice(at).startsWith("HTTP");
      assert.equal(
        last.code,
        boundary ? "upstream_gone" : "truncated_response",
        `after ${at} bytes`,
      );
    }
  });
}

for (const { name, rfc, bytes, facts } of UNTIL_CLOSE_ANSWERS) {
  Deno.test(`ResponseDecoder.end() completes ${name} (RFC ${rfc})`, () => {
    assert.deepEqual(brief(factsOf(expecting(), bytes)), facts.slice(0, -1));
    assert.deepEqual(brief(factsOf(expecting(), bytes, { end: true })), facts);
  });
}

for (const [when, rfc, bytes, ...before] of BAD_ANSWERS) {
  Deno.test(`ResponseDecoder.feed() refuses an answer when ${when} (RFC ${rfc})`, () => {
    const facts = factsOf(expecting(), bytes, { end: true });
    assert.deepEqual(brief(facts), [...before, "failure bad_response"]);
    for (const more of [NEXT, "\r\n\r\n", "\0"]) {
      assert.deepEqual(factsOf(expecting(), bytes + more, { end: true }), facts);
    }
  });
}

for (const [when, bytes, code, ...before] of LARGE_ANSWERS) {
  Deno.test(`ResponseDecoder.feed() gives ${code} when ${when}`, () => {
    const facts = factsOf(expecting(), bytes, { end: true });
    assert.deepEqual(brief(facts), [...before, `failure ${code}`]);
  });
}

for (const [when, bytes, code, ...before] of CUT_ANSWERS) {
  Deno.test(`ResponseDecoder.end() gives ${code} when ${when}`, () => {
    const facts = factsOf(expecting(), bytes, { end: true });
    assert.deepEqual(brief(facts), [...before, `failure ${code}`]);
  });
}

Deno.test("ResponseDecoder.feed() gives one answer for each request that was announced", () => {
  const decoder = new ResponseDecoder(SMALL_LIMITS);
  const facts = ["GET", "HEAD", "POST"].flatMap((method) => {
    assert.equal(decoder.idle, true);
    decoder.expect(method);
    const body = method === "HEAD" ? "" : "x";
    const bytes = head("HTTP/1.1 200 OK", "Content-Length: 1") + body;
    return brief(feed(decoder, [fromLatin1(bytes)]));
  });
  const got = ["200 length 1", "data x", "end"];
  assert.deepEqual(facts, [...got, "200 none", ...got]);
  assert.deepEqual(decoder.end(), []);
});

Deno.test("ResponseDecoder.feed() refuses bytes before any request", () => {
  const facts = factsOf(() => new ResponseDecoder(SMALL_LIMITS), NEXT, { end: true });
  assert.deepEqual(brief(facts), ["failure bad_response"]);
});

Deno.test("ResponseDecoder.feed() refuses the body of an answer that has none", () => {
  const bytes = head("HTTP/1.1 200 OK", "Content-Length: 3") + "abc";
  assert.deepEqual(brief(factsOf(expecting("HEAD"), bytes)), ["200 none", "failure bad_response"]);
  const noContent = bytes.replace("200 OK", "204 No Content");
  assert.deepEqual(brief(factsOf(expecting(), noContent)), ["204 none", "failure bad_response"]);
});

Deno.test("ResponseDecoder.feed() gives status, reason, version and fields byte for byte", () => {
  const bytes = head("HTTP/1.0 404 N\xf6 \t pe", "A:b", "content-LENGTH: 0", "C: \xe9\x80\t");
  const [answer] = factsOf(expecting(), bytes);
  assert.ok(answer?.kind === "head" && !("target" in answer));
  assert.deepEqual(answer.head, {
    minor: 0,
    status: 404,
    reason: "N\xf6 \t pe",
    fields: [
      field("A", "b"),
      field("content-LENGTH", "0"),
      field("C", "\xe9\x80"),
    ],
  });
});

Deno.test("ResponseDecoder gives only upstream's failures, whatever it is fed", () => {
  const good = [...GOOD_ANSWERS, ...UNTIL_CLOSE_ANSWERS].map(({ bytes }) => bytes);
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: fc.constantFrom(..."HTTP/1.1 200 :;\r\n\r\n\t\x00\xe9"), maxLength: 200 })
      .map(fromLatin1),
    mutated(good),
  );
  const method = fc.constantFrom("GET", "HEAD", "POST");
  const places = fc.array(fc.nat(300), { maxLength: 5 });
  fc.assert(
    fc.property(garbage, method, places, (bytes, method, places) => {
      const pieces = cutAt(bytes, places.map((place) => Math.min(place, bytes.length)));
      const facts = feed(expecting(method)(), pieces, { end: true });
      assert.deepEqual(facts, feed(expecting(method)(), [bytes], { end: true }));
      for (const [at, fact] of facts.entries()) {
        if (fact.kind !== "failure") continue;
        assert.match(fact.code, /^(bad_response|truncated_response|upstream_gone)$/);
        assert.equal(at, facts.length - 1);
      }
    }),
    { numRuns: 3000 },
  );
});

Deno.test("ResponseDecoder says the same of an answer whatever it has read before", () => {
  const good = GOOD_ANSWERS.filter(({ method }) => method === undefined).map(({ bytes }) => bytes);
  const next = fc.oneof(fc.constantFrom(...good).map(fromLatin1), mutated(good));
  const methods = fc.constantFrom("GET", "HEAD", "POST");
  fc.assert(
    fc.property(fc.constantFrom(...good), next, methods, (before, bytes, method) => {
      const decoder = expecting()();
      feed(decoder, [fromLatin1(before)]);
      decoder.expect(method);
      const facts = feed(decoder, [bytes], { end: true });
      assert.deepEqual(facts, feed(expecting(method)(), [bytes], { end: true }));
    }),
    { numRuns: 2000 },
  );
});
