import assert from "node:assert/strict";
import { type Framing, responseFraming } from "./framing.ts";
import { dateField } from "../http/date.ts";
import { field } from "../http/field.ts";
import { clientAnswer, type ClientSide } from "./response_rewrite.ts";

const GET: ClientSide = { method: "GET", minor: 1, keepAlive: true };
const HEAD: ClientSide = { ...GET, method: "HEAD" };
const OLD: ClientSide = { ...GET, minor: 0 };

/** What the client gets of an answer with these fields: the lines, the framing, the connection. */
function rewritten(client: ClientSide, status: number, ...lines: readonly string[]) {
  const fields = lines.map((line) => {
    const [name = "", value = ""] = line.split(": ");
    return field(name, value);
  });
  const head = { minor: 1, status, reason: "", fields } as const;
  const framing: Framing = responseFraming(head, client.method);
  const answer = clientAnswer({ head, framing }, client, 0);
  const date = dateField(0);
  return {
    lines: answer.fields.filter((field) => field !== date)
      .map(({ name, value }) => `${name}: ${value}`),
    dated: answer.fields.includes(date),
    framing: answer.framing.kind,
    keepAlive: answer.keepAlive,
  };
}

Deno.test("clientAnswer() keeps a length", () => {
  assert.deepEqual(rewritten(GET, 200, "A: b", "Content-Length: 3"), {
    lines: ["A: b", "Content-Length: 3"],
    framing: "length",
    keepAlive: true,
    dated: true,
  });
});

Deno.test("clientAnswer() chunks a body without a length for HTTP/1.1 (RFC 9112 6.3)", () => {
  const chunked = {
    lines: ["Transfer-Encoding: chunked"],
    framing: "chunked",
    keepAlive: true,
    dated: true,
  };
  assert.deepEqual(rewritten(GET, 200), chunked);
  assert.deepEqual(rewritten(GET, 200, "Transfer-Encoding: chunked"), chunked);
});

Deno.test("clientAnswer() ends the connection behind such a body for HTTP/1.0", () => {
  const closed = {
    lines: ["Connection: close"],
    framing: "until_close",
    keepAlive: false,
    dated: true,
  };
  assert.deepEqual(rewritten(OLD, 200), closed);
  assert.deepEqual(rewritten(OLD, 200, "Transfer-Encoding: chunked"), closed);
});

Deno.test("clientAnswer() tells HTTP/1.0 that the connection goes on (RFC 9112 9.3)", () => {
  assert.deepEqual(rewritten(OLD, 200, "Content-Length: 0").lines, [
    "Content-Length: 0",
    "Connection: keep-alive",
  ]);
  assert.deepEqual(rewritten(OLD, 204).lines, ["Connection: keep-alive"]);
});

Deno.test("clientAnswer() says when the connection ends", () => {
  const { lines, keepAlive } = rewritten({ ...GET, keepAlive: false }, 200, "Content-Length: 0");
  assert.deepEqual(lines, ["Content-Length: 0", "Connection: close"]);
  assert.equal(keepAlive, false);
});

Deno.test("clientAnswer() drops hop-by-hop fields and what Connection names (RFC 9110 7.6.1)", () => {
  const { lines } = rewritten(
    GET,
    200,
    "Connection: X-A, close",
    "X-A: 1",
    "Keep-Alive: timeout=5",
    "Upgrade: h2c",
    "Set-Cookie: a",
    "Set-Cookie: b",
    "Content-Length: 0",
  );
  assert.deepEqual(lines, ["Set-Cookie: a", "Set-Cookie: b", "Content-Length: 0"]);
});

Deno.test("clientAnswer() tells the length of a body that there is not (RFC 9110 8.6)", () => {
  const length = { lines: ["Content-Length: 3"], framing: "none", keepAlive: true, dated: true };
  assert.deepEqual(rewritten(HEAD, 200, "Content-Length: 3"), length);
  assert.deepEqual(rewritten(GET, 304, "Content-Length: 3"), length);
  assert.deepEqual(rewritten(HEAD, 304, "Content-Length: 3"), length);
  assert.deepEqual(rewritten(HEAD, 200).lines, []);
});

Deno.test("clientAnswer() tells the coding of a body that there is not (RFC 9112 6.1)", () => {
  const coding = ["Transfer-Encoding: chunked"];
  assert.deepEqual(rewritten(HEAD, 200, "Transfer-Encoding: chunked").lines, coding);
  assert.deepEqual(rewritten(GET, 304, "Transfer-Encoding: chunked").lines, coding);
});

Deno.test("clientAnswer() sends no transfer coding to HTTP/1.0 (RFC 9112 6.1)", () => {
  const { lines } = rewritten({ ...OLD, method: "HEAD" }, 200, "Transfer-Encoding: chunked");
  assert.deepEqual(lines, ["Connection: keep-alive"]);
});

Deno.test("clientAnswer() sends no framing field with 204 (RFC 9110 8.6, RFC 9112 6.1)", () => {
  for (const client of [GET, HEAD]) {
    for (const line of ["Content-Length: 0", "Content-Length: 3", "Transfer-Encoding: chunked"]) {
      assert.deepEqual(rewritten(client, 204, line).lines, [], `${client.method}, ${line}`);
    }
  }
});

Deno.test("clientAnswer() writes Via where that is asked for (RFC 9110 7.6.3)", () => {
  const client = { ...GET, via: true };
  const lines = (...via: readonly string[]) =>
    rewritten(client, 200, ...via, "Content-Length: 0").lines;
  assert.deepEqual(lines(), ["Content-Length: 0", "Via: 1.1 tls-proxy"]);
  assert.deepEqual(lines("Via: 1.0 a", "Via: 1.1 b"), [
    "Content-Length: 0",
    "Via: 1.0 a, 1.1 b, 1.1 tls-proxy",
  ]);
  const head = { minor: 0, status: 204, reason: "", fields: [] } as const;
  const { fields } = clientAnswer({ head, framing: { kind: "none" } }, client, 0);
  assert.deepEqual(fields.filter(({ key }) => key === "via").map(({ value }) => value), [
    "1.0 tls-proxy",
  ]);
});

Deno.test("clientAnswer() tells the time of an answer that does not (RFC 9110 6.6.1)", () => {
  assert.equal(rewritten(GET, 200, "Content-Length: 0").dated, true);
  assert.equal(rewritten(GET, 404, "Connection: Date", "Date: x").dated, true);
  assert.equal(rewritten(HEAD, 304).dated, true);
  const own = rewritten(GET, 200, "date: Sun, 06 Nov 1994 08:49:37 GMT", "Content-Length: 0");
  assert.equal(own.dated, false);
  assert.deepEqual(own.lines, ["date: Sun, 06 Nov 1994 08:49:37 GMT", "Content-Length: 0"]);
});

Deno.test("clientAnswer() keeps Upgrade in a 426 alone (RFC 9110 15.5.22)", () => {
  const fields = [
    "Connection: Upgrade",
    "Upgrade: TLS/1.3",
    "Upgrade: HTTP/2",
    "Content-Length: 0",
  ];
  assert.deepEqual(rewritten(GET, 426, ...fields).lines, [
    "Content-Length: 0",
    "Connection: upgrade",
    "Upgrade: TLS/1.3, HTTP/2",
  ]);
  const empty = ["Upgrade: ", "Upgrade: a", "Upgrade: "];
  assert.deepEqual(rewritten(GET, 426, ...empty, "Content-Length: 0").lines, [
    "Content-Length: 0",
    "Connection: upgrade",
    "Upgrade: a",
  ]);
  for (const none of [[], ["Upgrade: "]]) {
    assert.deepEqual(rewritten(GET, 426, ...none, "Content-Length: 0").lines, [
      "Content-Length: 0",
    ]);
  }
  assert.deepEqual(rewritten(GET, 400, ...fields).lines, ["Content-Length: 0"]);
});

Deno.test("clientAnswer() keeps Proxy-Authenticate in a 407 alone (RFC 9110 15.5.8)", () => {
  const fields = ["Proxy-Authenticate: Basic", "proxy-authenticate: Digest", "Content-Length: 0"];
  const kept = rewritten(GET, 407, ...fields, "Proxy-Authentication-Info: x").lines;
  assert.deepEqual(kept, fields);
  for (const status of [200, 401, 406, 408]) {
    assert.deepEqual(rewritten(GET, status, ...fields).lines, ["Content-Length: 0"]);
  }
});
