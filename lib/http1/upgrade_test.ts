import assert from "node:assert/strict";
import fc from "fast-check";
import { fromLatin1 } from "../../tests/support/connection.ts";
import { brief, type Fact, factsOf, feed, SMALL_LIMITS } from "../../tests/support/feed.ts";
import { head } from "../../tests/support/good_requests.ts";
import { RequestDecoder, type RequestHeadPart } from "./request_decoder.ts";
import { requestFields } from "./request_rewrite.ts";
import { ResponseDecoder } from "./response_decoder.ts";

const ASKS = ["Connection: upgrade", "Upgrade: websocket"];

/** What is let through of an upgrade that these lines ask for. */
const REQUESTS: readonly (readonly [
  rfc: string,
  lines: readonly string[],
  upgrade: readonly string[] | undefined,
])[] = [
  ["9110 7.8", ASKS, ["websocket"]],
  ["9110 7.8", ["Connection: keep-alive, Upgrade", "upgrade: WebSocket"], ["WebSocket"]],
  ["9110 5.6.1", ["Connection: upgrade", "Upgrade: a ,\t b\t, c"], ["a", "b", "c"]],
  ["9110 7.8", ["Connection: a", "Connection: upgrade", "Upgrade: a/1,, b/2.0"], ["a/1", "b/2.0"]],
  ["9110 7.8", ["Connection: upgrade", "Upgrade: a", "Upgrade: b"], ["a", "b"]],
  ["9110 7.8: without the connection option", ["Upgrade: websocket"], undefined],
  ["9110 5.6.3", ["Connection: a,\xa0upgrade", "Upgrade: websocket"], undefined],
  ["9110 7.8: without a protocol", ["Connection: upgrade"], undefined],
  ["9110 5.6.1: an empty list", ["Connection: upgrade", "Upgrade: ,"], undefined],
  ["9110 7.8: not a token", ["Connection: upgrade", "Upgrade: web socket"], undefined],
  ["9110 7.8: two versions", ["Connection: upgrade", "Upgrade: a/1/2"], undefined],
  ["9110 7.8: no name", ["Connection: upgrade", "Upgrade: /1"], undefined],
  ["9110 7.8: no version", ["Connection: upgrade", "Upgrade: a/"], undefined],
  ["9110 7.8: one of two malformed", ["Connection: upgrade", 'Upgrade: a, "b"'], undefined],
  ["9113 3.1", ["Connection: upgrade, HTTP2-Settings", "Upgrade: h2c"], undefined],
  ["9113 3.1", ["Connection: upgrade", "Upgrade: H2C, websocket"], ["websocket"]],
  ...["h2", "h2c", "h3", "http", "https", "tls", "H3/1", "HTTP/2.0", "TLS/1.2"].map((protocol) =>
    [
      "9110 7.8: what carries HTTP",
      ["Connection: upgrade", `Upgrade: ${protocol}, a`],
      ["a"],
    ] as const
  ),
  ["2817 3.1", ["Connection: upgrade", "Upgrade: TLS/1.0, HTTP/1.1"], undefined],
  ["9110 7.8: inside a message", [...ASKS, "Content-Length: 1"], undefined],
  ["9110 7.8: inside a message", [...ASKS, "Transfer-Encoding: chunked"], undefined],
  ["9110 7.8: behind a message that is over", [...ASKS, "Content-Length: 0"], ["websocket"]],
];

for (const [rfc, lines, upgrade] of REQUESTS) {
  Deno.test(`RequestDecoder.feed() takes ${lines.join("; ")} as ${upgrade} (RFC ${rfc})`, () => {
    const request = requestOf(head("GET / HTTP/1.1", "Host: a", ...lines));
    assert.deepEqual(request.upgrade, upgrade);
    const hop = requestFields(request, ORIGIN, "id").filter(({ key }) =>
      /^(connection|upgrade)$/.test(key)
    )
      .map(({ name, value }) => `${name}: ${value}`);
    const asked = upgrade === undefined
      ? []
      : ["Connection: upgrade", `Upgrade: ${upgrade.join(", ")}`];
    assert.deepEqual(hop, asked);
  });
}

Deno.test("RequestDecoder.feed() takes no upgrade from HTTP/1.0 (RFC 9110 7.8)", () => {
  assert.equal(requestOf(head("GET / HTTP/1.0", ...ASKS)).upgrade, undefined);
});

Deno.test("RequestDecoder.feed() reads nothing behind a request for an upgrade as HTTP", () => {
  const asks = head("GET /a HTTP/1.1", "Host: a", ...ASKS);
  for (const more of [head("GET /b HTTP/1.1", "Host: a"), "\0\r\n\n", "x"]) {
    const facts = factsOf(() => new RequestDecoder(SMALL_LIMITS), asks + more, { end: true });
    assert.deepEqual(brief(facts), ["GET /a none", `data ${more}`]);
  }
  assert.deepEqual(brief(factsOf(() => new RequestDecoder(SMALL_LIMITS), asks, { end: true })), [
    "GET /a none",
  ]);
  // where it is not let through, the connection goes on as HTTP
  const h2c = head("GET /a HTTP/1.1", "Host: a", "Connection: upgrade", "Upgrade: h2c");
  const facts = factsOf(
    () => new RequestDecoder(SMALL_LIMITS),
    h2c + head("GET /b HTTP/1.1", "Host: a"),
  );
  assert.deepEqual(brief(facts), ["GET /a none", "GET /b none"]);
});

const SWITCHES = "HTTP/1.1 101 Switching Protocols";

/** Whether an answer of these lines may switch, where these protocols were asked for. */
const ANSWERS: readonly (readonly [
  rfc: string,
  asked: readonly string[] | undefined,
  lines: readonly string[],
  switches: boolean,
])[] = [
  ["9110 7.8", ["websocket"], [SWITCHES, ...ASKS], true],
  ["9110 7.8", ["a/1", "B"], [SWITCHES, "Connection: Upgrade", "Upgrade: b, A/1"], true],
  ["9110 15.2.2: unasked", undefined, [SWITCHES, ...ASKS], false],
  ["9110 15.2.2: another", ["a"], [SWITCHES, ...ASKS], false],
  ["9110 15.2.2: one more", ["websocket"], [SWITCHES, ...ASKS, "Upgrade: a"], false],
  ["9110 7.8: another version", ["a/1"], [SWITCHES, "Connection: upgrade", "Upgrade: a/2"], false],
  ["9110 7.8: no protocol", ["a"], [SWITCHES, "Connection: upgrade", "Upgrade: a b"], false],
  ["9110 7.8: no protocol", ["a"], [SWITCHES, "Connection: upgrade", "Upgrade: a, b/c/d"], false],
  ["9110 15.2.2: which one is not said", ["a"], [SWITCHES, "Connection: upgrade"], false],
  ["9110 7.8: without the connection option", ["a"], [SWITCHES, "Upgrade: a"], false],
  ["9110 15.2: by HTTP/1.0", ["websocket"], ["HTTP/1.0 101 S", ...ASKS], false],
];

for (const [rfc, asked, lines, switches] of ANSWERS) {
  const name = `${lines.join("; ")} where ${asked} was asked for`;
  Deno.test(`ResponseDecoder.feed() ${switches ? "takes" : "refuses"} ${name} (RFC ${rfc})`, () => {
    const more = "HTTP/1.1 200 OK\r\n\r\n";
    const facts = factsOf(expecting(asked), head(...lines) + more, { end: true });
    const taken = ["101 none", `data ${more}`];
    assert.deepEqual(brief(facts), switches ? taken : ["failure bad_response"]);
  });
}

Deno.test("ResponseDecoder.feed() takes other answers to a request for an upgrade as ever", () => {
  const answer = head("HTTP/1.1 100 Continue") +
    head("HTTP/1.1 426 No", "Upgrade: a", "Content-Length: 2") + "no";
  assert.deepEqual(brief(factsOf(expecting(["websocket"]), answer, { end: true })), [
    ...["100 none", "426 length 2", "data no", "end"],
  ]);
});

Deno.test("ResponseDecoder.idle is never true behind a switch of protocols", () => {
  const decoder = expecting(["websocket"])();
  feed(decoder, [fromLatin1(head(SWITCHES, ...ASKS) + "x")]);
  assert.equal(decoder.idle, false);
  assert.deepEqual(decoder.end(), []);
});

Deno.test("an upgrade that is let through names tokens alone, and nothing that carries HTTP", () => {
  const value = fc.string({ unit: fc.constantFrom(...'ah2ctlsTP/,. \t"\xe9:'), maxLength: 12 });
  fc.assert(fc.property(fc.array(value, { maxLength: 3 }), (values) => {
    const lines = values.map((value) => `Upgrade: ${value}`);
    const text = head("GET / HTTP/1.1", "Host: a", "Connection: upgrade", ...lines);
    const { upgrade } = requestOf(text);
    for (const protocol of upgrade ?? []) {
      assert.match(protocol, /^[a-z0-9.]+(\/[a-z0-9.]+)?$/i);
      assert.doesNotMatch(protocol, /^(h2c?|h3|https?|tls)(\/|$)/i);
    }
  }));
});

const ORIGIN = { peer: "192.0.2.7", port: 8443, proto: "https", defaultHost: "b" } as const;

function requestOf(text: string): RequestHeadPart {
  const facts = feed(new RequestDecoder(SMALL_LIMITS), [fromLatin1(text)]);
  const isRequest = (fact: Fact | undefined): fact is RequestHeadPart =>
    fact?.kind === "head" && "target" in fact;
  const [request] = facts;
  assert.ok(isRequest(request), JSON.stringify(text));
  return request;
}

function expecting(asked: readonly string[] | undefined): () => ResponseDecoder {
  return () => {
    const decoder = new ResponseDecoder(SMALL_LIMITS);
    decoder.expect("GET", asked);
    return decoder;
  };
}

for (const name of ["h2", "h2c", "h3", "http", "https", "tls"]) {
  Deno.test(`requestedUpgrade() never lets ${name} through, whatever its version and case`, () => {
    for (const form of [name, name.toUpperCase(), `${name}/1.0`]) {
      const of = (upgrade: string) =>
        requestOf(head("GET / HTTP/1.1", "Host: a", "Connection: upgrade", `Upgrade: ${upgrade}`))
          .upgrade;
      assert.equal(of(form), undefined, form);
      assert.deepEqual(of(`${form}, websocket`), ["websocket"], form);
    }
  });
}
