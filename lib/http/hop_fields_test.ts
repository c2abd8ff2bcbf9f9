import assert from "node:assert/strict";
import { field } from "./field.ts";
import { endToEndAnswerFields, endToEndFields, endToEndTrailers } from "./hop_fields.ts";

/** The fields of these lines, and what is left of their names. */
function kept(filter: typeof endToEndFields, ...lines: readonly string[]): string[] {
  const fields = lines.map((line) => {
    const [name = "", value = ""] = line.split(": ");
    return field(name, value);
  });
  return filter(fields).map(({ name }) => name);
}

/** RFC 9110, section 7.6.1, and RFC 9112, sections 6.1 and 6.2. */
const HOP_BY_HOP = [
  "Connection: close",
  "Content-Length: 3",
  "HTTP2-Settings: AAMAAABkAAQAAP__",
  "Keep-Alive: timeout=5",
  "Proxy-Authenticate: Basic",
  "Proxy-Authentication-Info: a",
  "Proxy-Authorization: Basic a",
  "Proxy-Connection: keep-alive",
  "TE: trailers",
  "Transfer-Encoding: chunked",
  "Upgrade: websocket",
];

for (const line of HOP_BY_HOP) {
  Deno.test(`endToEndFields() drops ${line} in any case`, () => {
    for (const form of [line, line.toLowerCase(), line.toUpperCase()]) {
      assert.deepEqual(kept(endToEndFields, "A: b", form, "C: d"), ["A", "C"]);
      assert.deepEqual(kept(endToEndTrailers, "A: b", form, "C: d"), ["A", "C"]);
    }
  });
}

Deno.test("endToEndFields() keeps every other field, in order and as it was written", () => {
  const lines = ["b: 1", "A: 2", "b: 3", "Content-Length-X: 4", "Cookie: 5", "Warning: 6"];
  const names = lines.map((line) => line.split(":")[0]);
  assert.deepEqual(kept(endToEndFields, ...lines), names);
});

Deno.test("endToEndFields() drops what Connection names (RFC 9110 7.6.1)", () => {
  const cases: readonly [connection: readonly string[], left: readonly string[]][] = [
    [["Connection: x-a"], ["X-B"]],
    [["Connection: close, X-A ,\tx-B"], []],
    [["Connection: X-A", "connection: x-b"], []],
    [["Connection: , ,x-a,"], ["X-B"]],
    [["Connection: x_a, x"], ["X-A", "X-B"]],
    // a blank of Unicode is none of HTTP
    [["Connection: x-a, \xa0x-b"], ["X-B"]],
    [["Connection: "], ["X-A", "X-B"]],
  ];
  for (const [connection, left] of cases) {
    assert.deepEqual(kept(endToEndFields, "X-A: 1", ...connection, "X-B: 2"), left);
  }
});

Deno.test("endToEndTrailers() drops what routes or speaks of the origin (RFC 9110 6.5.1)", () => {
  const lines = [
    ...["client-cert: :AAAA:", "client_cert_chain: :AAAA:"],
    "Host: b",
    "X-Forwarded-For: 6.6.6.6",
    "x_forwarded_for: 6.6.6.6",
    "X-Forwarded-Prefix: /",
    "X-Forwarded-Whatever: /",
    "X-Real-IP: 6.6.6.6",
    "Content_Length: 3",
    "Proxy: http://evil",
    "Forwarded: for=6.6.6.6",
    "Digest: a",
  ];
  assert.deepEqual(kept(endToEndTrailers, ...lines), ["Digest"]);
});

/** What decides about a message cannot come behind it (RFC 9110, section 6.5.1). */
const NEVER_TRAILERS = "Authorization Cache-Control Content-Encoding Content-Range Content-Type " +
  "Cookie Expect Forwarded Host Max-Forwards Range Set-Cookie Trailer X-Request-Id";

for (const name of NEVER_TRAILERS.split(" ")) {
  Deno.test(`endToEndTrailers() drops ${name} in any case`, () => {
    for (const form of [name, name.toLowerCase(), name.toUpperCase()]) {
      assert.deepEqual(kept(endToEndTrailers, "A: b", `${form}: c`, "C: d"), ["A", "C"]);
    }
    // as another field it is only another field
    assert.deepEqual(kept(endToEndTrailers, `${name}-X: c`), [`${name}-X`]);
  });
}

Deno.test("endToEndAnswerFields() keeps Proxy-Authenticate in a 407 alone (RFC 9110 15.5.8)", () => {
  const fields = [field("Proxy-Authenticate", "Basic"), field("A", "b"), field("TE", "x")];
  const namesAt = (status: number) =>
    endToEndAnswerFields({ status, fields }).map(({ key }) => key);
  assert.deepEqual(namesAt(407), ["a", "proxy-authenticate"]);
  for (const status of [406, 408, 401]) assert.deepEqual(namesAt(status), ["a"]);
});
