import assert from "node:assert/strict";
import fc from "fast-check";
import { acceptedRequests } from "../../tests/support/accepted_requests.ts";
import { fromLatin1 } from "../../tests/support/connection.ts";
import { type Fact, feed } from "../../tests/support/feed.ts";
import { head } from "../../tests/support/good_requests.ts";
import { DIRECT } from "../../tests/support/forwarding.ts";
import { requestHeadText } from "./head.ts";
import { valuesOf } from "../http/field.ts";
import { RequestDecoder, type RequestHeadPart } from "./request_decoder.ts";
import { requestFields } from "./request_rewrite.ts";

const LIMITS = { headerBytes: 16 * 1024, headers: 100 };

/** The lines that a backend gets for a request. */
function forwardedLines(...lines: readonly string[]): string[] {
  const request = headOf(head(...lines));
  return requestFields(request, DIRECT, "id").map(({ name, value }) => `${name}: ${value}`);
}

function headOf(text: string): RequestHeadPart {
  const fact = requestsOf(text)[0];
  assert.ok(fact !== undefined, JSON.stringify(text));
  return fact;
}

function requestsOf(text: string): RequestHeadPart[] {
  const facts = feed(new RequestDecoder(LIMITS), [fromLatin1(text)]);
  const isRequest = (fact: Fact) => fact.kind === "head" && "target" in fact;
  return facts.filter((fact): fact is RequestHeadPart => isRequest(fact));
}

/** What the proxy writes itself, whatever a client names. */
const OWN_NAMES =
  /^(host|te|connection|content-length|transfer-encoding|x-forwarded-.*|x-request-id)$/;

const OWN = [
  "X-Forwarded-For: 192.0.2.7",
  "X-Forwarded-Proto: https",
  "X-Forwarded-Host: a",
  "X-Forwarded-Port: 8443",
  "X-Request-Id: id",
];

Deno.test("requestFields() adds the origin to the client's fields", () => {
  assert.deepEqual(forwardedLines("GET / HTTP/1.1", "B: c", "host: a", "Cookie: \xe9"), [
    "Host: a",
    "B: c",
    "Cookie: \xe9",
    ...OWN,
  ]);
});

Deno.test("requestFields() writes the framing anew", () => {
  const length = ["Host: a", "Content-Length: 3", ...OWN];
  assert.deepEqual(forwardedLines("POST / HTTP/1.1", "Host: a", "content-length: 0003"), length);
  const chunked = ["Host: a", "Transfer-Encoding: chunked", ...OWN];
  assert.deepEqual(
    forwardedLines("POST / HTTP/1.1", "Host: a", "TE: b", "Transfer-Encoding: CHUNKED"),
    chunked,
  );
});

Deno.test("requestFields() gives a request without Host the connection's (RFC 9112 3.3)", () => {
  const lines = forwardedLines("GET / HTTP/1.0");
  assert.equal(lines[0], "Host: default.example");
  assert.ok(lines.includes("X-Forwarded-Host: default.example"));
});

Deno.test("requestFields() puts an address that stands for a missing Host in brackets", () => {
  const request = headOf(head("GET / HTTP/1.0"));
  for (const defaultHost of ["2001:db8::1", "2001:db8::1%eth0"]) {
    const fields = requestFields(request, { ...DIRECT, defaultHost }, "id");
    for (const key of ["host", "x-forwarded-host"]) {
      assert.deepEqual(valuesOf(fields, key), ["[2001:db8::1]"]);
    }
  }
});

Deno.test("requestFields() tells what the client has proved (RFC 9440 2)", () => {
  const request = headOf(head("GET / HTTP/1.1", "Host: a", "Client-Cert: :AAAA:"));
  const clientCert = { certificate: ":AQI=:", chain: undefined };
  for (const trusted of [false, true]) {
    const fields = requestFields(request, { ...DIRECT, trusted, clientCert }, "id");
    assert.deepEqual(valuesOf(fields, "client-cert"), [":AQI=:"]);
  }
});

Deno.test("requestFields() takes the host of absolute-form (RFC 9112 3.2.2)", () => {
  assert.equal(forwardedLines("GET http://b:1/ HTTP/1.0")[0], "Host: b:1");
});

Deno.test("requestFields() drops claims, whatever Connection names", () => {
  const lines = forwardedLines(
    "POST / HTTP/1.1",
    "Connection: close, Host, Content-Length, X-Forwarded-For, X-Forwarded-Host, x-forwarded-port",
    "Connection: X-Forwarded-Proto",
    "Host: a",
    "Content-Length: 3",
    "X-Forwarded-For: 6.6.6.6",
    "X_Forwarded_For: 6.6.6.6",
    "Forwarded: for=6.6.6.6",
  );
  assert.deepEqual(lines, ["Host: a", "Content-Length: 3", ...OWN]);
});

/** What only a proxy may claim, and what servers take for framing. */
const CLAIMS = [
  ...["X-Real-IP: 6.6.6.6", "X-Forwarded-Prefix: /x", "x-forwarded-ssl: on", "True-Client-IP: 6"],
  ...["X-Forwarded-Scheme: http", "X-Original-URL: /admin", "X-Rewrite-URL: /admin", "Proxy: e:1"],
  ...["X_Real_IP: 6.6.6.6", "Content_Length: 3", "Transfer_Encoding: chunked", "Keep_Alive: 5"],
  ...["X_Original_URL: /admin", "X_Request_Id: a"],
];

Deno.test("requestFields() drops what only a proxy may claim", () => {
  const lines = forwardedLines("GET / HTTP/1.1", "Host: a", "A_b: c", ...CLAIMS, "Real-IP: 1");
  assert.deepEqual(lines, ["Host: a", "A_b: c", "Real-IP: 1", ...OWN]);
});

Deno.test("requestFields() keeps what a proxy claims that is believed", () => {
  const request = headOf(head("GET / HTTP/1.1", "Host: a", ...CLAIMS, "X_Forwarded_For: 6.6.6.6"));
  const fields = requestFields(request, { ...DIRECT, trusted: true }, "id");
  assert.deepEqual(fields.map(({ name, value }) => `${name}: ${value}`), [
    "Host: a",
    ...CLAIMS,
    ...OWN,
  ]);
});

Deno.test("requestFields() counts this hop for OPTIONS (RFC 9110 7.6.2)", () => {
  const told = (method: string, ...values: readonly string[]) => {
    const lines = values.map((value) => `Max-Forwards: ${value}`);
    return forwardedLines(`${method} / HTTP/1.1`, "Host: a", ...lines)
      .filter((line) => line.startsWith("Max"));
  };
  assert.deepEqual(told("OPTIONS", "10"), ["Max-Forwards: 9"]);
  assert.deepEqual(told("OPTIONS", "1"), ["Max-Forwards: 0"]);
  assert.deepEqual(told("OPTIONS", "5", "3"), ["Max-Forwards: 2"]);
  assert.deepEqual(told("OPTIONS", "many"), ["Max-Forwards: many"]);
  assert.deepEqual(told("OPTIONS", "0"), ["Max-Forwards: 0"]);
  assert.deepEqual(told("GET", "10"), ["Max-Forwards: 10"]);
  assert.deepEqual(forwardedLines("OPTIONS / HTTP/1.1", "Host: a", "Max-Forwards: 3", "B: c"), [
    ...["Host: a", "B: c", "Max-Forwards: 2"],
    ...OWN,
  ]);
});

Deno.test("requestFields() passes no empty Expect on", () => {
  for (const value of ["", ",", " , "]) {
    const lines = forwardedLines("POST / HTTP/1.1", "Host: a", `Expect: ${value}`);
    assert.deepEqual(lines, ["Host: a", ...OWN]);
  }
  const lines = forwardedLines("POST / HTTP/1.1", "Host: a", "Expect: 100-continue", "Expect:");
  assert.deepEqual(lines, ["Host: a", "Expect: 100-continue", ...OWN]);
});

Deno.test("requestFields() of any accepted request read again say the same and name one origin", () => {
  fc.assert(
    fc.property(acceptedRequests, (text) => {
      const request = headOf(text);
      const fields = requestFields(request, DIRECT, "id");
      const { method } = request.head;
      const rendered = requestHeadText({ method, target: request.target.path, fields });
      const [again, ...more] = requestsOf(rendered);
      assert.ok(again !== undefined && more.length === 0);
      assert.equal(again.size, rendered.length);
      assert.equal(again.head.method, method);
      assert.equal(again.head.minor, 1);
      assert.equal(again.target.path, request.target.path);
      assert.deepEqual(again.framing, request.framing);

      const host = request.target.authority ?? DIRECT.defaultHost;
      const names = again.head.fields.map(({ key }) => key);
      assert.deepEqual(valuesOf(again.head.fields, "host"), [host]);
      assert.deepEqual(valuesOf(again.head.fields, "x-forwarded-for"), [DIRECT.peer]);
      assert.deepEqual(valuesOf(again.head.fields, "x-forwarded-host"), [host]);
      assert.equal(names.filter((name) => /forwarded/.test(name)).length, 4);
      assert.deepEqual(again.upgrade, request.upgrade);
      const hop = names.filter((name) =>
        /^(connection|keep-alive|proxy-[a-z]+|te|upgrade|http2-settings)$/.test(name)
      );
      const tellsTrailers = valuesOf(again.head.fields, "te").length > 0;
      assert.deepEqual(hop, [
        ...(tellsTrailers ? ["te", "connection"] : []),
        ...(request.upgrade === undefined ? [] : ["connection", "upgrade"]),
      ]);
      assert.deepEqual(valuesOf(again.head.fields, "te"), tellsTrailers ? ["trailers"] : []);
      const nominated = valuesOf(request.head.fields, "connection").join(",").split(",")
        .map((name) => name.replace(/^[ \t]+|[ \t]+$/g, "").toLowerCase())
        .filter((name) => request.upgrade === undefined || name !== "upgrade")
        .filter((name) => !OWN_NAMES.test(name));
      assert.deepEqual(names.filter((name) => nominated.includes(name)), []);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("requestFields() appends to what a trusted proxy says, and writes Via and Forwarded when asked", () => {
  const request = headOf(
    head(
      "GET / HTTP/1.0",
      "Host: a",
      "X-Forwarded-For: 1.2.3.4",
      "Via: 1.1 front",
      "X_Forwarded_For: 6.6.6.6",
      "X-Forwarded-Proto: http",
      "X-Request-Id: theirs",
    ),
  );
  const origin = { ...DIRECT, trusted: true, standard: true, via: true };
  const lines = requestFields(request, origin, "ours").map(({ name, value }) =>
    `${name}: ${value}`
  );
  assert.deepEqual(lines, [
    "Host: a",
    "X-Forwarded-For: 1.2.3.4, 192.0.2.7",
    "X-Forwarded-Proto: http",
    "X-Forwarded-Host: a",
    "X-Forwarded-Port: 8443",
    "Forwarded: for=192.0.2.7;host=a;proto=https",
    "Via: 1.1 front, 1.0 tls-proxy",
    "X-Request-Id: ours",
  ]);
});

Deno.test("requestFields() tells servers of clients that take trailers (RFC 9110 10.1.4)", () => {
  const lines = forwardedLines(
    "GET / HTTP/1.1",
    "Host: a",
    "TE: deflate, trailers",
    "Connection: TE",
  );
  assert.deepEqual(lines, ["Host: a", "TE: trailers", "Connection: TE", ...OWN]);
});

Deno.test("requestFields() leaves Via alone unless it is asked for (RFC 9110 7.6.3)", () => {
  const request = headOf(head("GET / HTTP/1.1", "Host: a", "Via: 1.0 x", "Via: 1.1 y"));
  const viaOf = (via: boolean) => valuesOf(requestFields(request, { ...DIRECT, via }, "id"), "via");
  assert.deepEqual(viaOf(false), ["1.0 x", "1.1 y"]);
  assert.deepEqual(viaOf(true), ["1.0 x, 1.1 y, 1.1 tls-proxy"]);
});

Deno.test("requestFields() passes an expectation of HTTP/1.1 on, and none of HTTP/1.0", () => {
  const of = (version: string) =>
    forwardedLines(`POST / HTTP/${version}`, "Host: a", "Expect: 100-continue")
      .includes("Expect: 100-continue");
  assert.deepEqual([of("1.1"), of("1.0")], [true, false]);
});

Deno.test("requestFields() asks for an upgrade anew (RFC 9110 7.8)", () => {
  const fields = ["Host: a", "Connection: keep-alive, Upgrade", "Upgrade: websocket, h2c"];
  assert.deepEqual(forwardedLines("GET / HTTP/1.1", ...fields), [
    ...["Host: a", "Connection: upgrade", "Upgrade: websocket"],
    ...OWN,
  ]);
});
