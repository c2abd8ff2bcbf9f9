import assert from "node:assert/strict";
import { fromLatin1, latin1 } from "../../tests/support/connection.ts";
import { ProxyError } from "../core/errors.ts";
import { field } from "../http/field.ts";
import { optionsAnswer } from "../http/options_answer.ts";
import { redirectAnswer } from "../http/redirect_answer.ts";
import { encodeOwnAnswer, ownAnswerPieces } from "./own_answer.ts";

const DATE = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
const GET = { method: "GET", keepAlive: true, now: 0 };

Deno.test("encodeOwnAnswer() answers OPTIONS that goes no further (RFC 9110 9.3.7)", () => {
  const allow = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n";
  const head = `HTTP/1.1 200 OK\r\n${allow}X-Request-Id: i\r\n${DATE}Content-Length: 0\r\n`;
  const written = (keepAlive: boolean) =>
    latin1(encodeOwnAnswer(optionsAnswer({ id: "i" }), { ...GET, keepAlive }));
  assert.equal(written(true), `${head}\r\n`);
  assert.equal(written(false), `${head}Connection: close\r\n\r\n`);
});

Deno.test("encodeOwnAnswer() tells HTTP/1.0 of a connection that goes on (RFC 9112 C.2.2)", () => {
  const answer = { status: 200, fields: [], body: new Uint8Array(0) };
  const head = `HTTP/1.1 200 OK\r\n${DATE}Content-Length: 0\r\n`;
  const written = (keepAlive: boolean) =>
    latin1(encodeOwnAnswer(answer, { ...GET, minor: 0, keepAlive }));
  assert.equal(written(true), `${head}Connection: keep-alive\r\n\r\n`);
  assert.equal(written(false), `${head}Connection: close\r\n\r\n`);
});

Deno.test("encodeOwnAnswer() redirects, and tells the time (RFC 9110 6.6.1)", () => {
  const answer = redirectAnswer({ path: "/a?b", authority: "a:80" });
  assert.ok(!(answer instanceof ProxyError));
  assert.equal(
    latin1(encodeOwnAnswer(answer, GET)),
    "HTTP/1.1 308 Permanent Redirect\r\n" +
      `Location: https://a/a?b\r\n${DATE}Content-Length: 0\r\n\r\n`,
  );
});

Deno.test("encodeOwnAnswer() gives HEAD the length and no body (RFC 9110 9.3.2)", () => {
  const answer = { status: 200, fields: [], body: new Uint8Array(3) };
  const written = latin1(encodeOwnAnswer(answer, { ...GET, method: "HEAD" }));
  assert.equal(written, `HTTP/1.1 200 OK\r\n${DATE}Content-Length: 3\r\n\r\n`);
});

Deno.test("encodeOwnAnswer() puts the body behind the head", () => {
  const answer = { status: 200, fields: [], body: fromLatin1("abc") };
  const head = `HTTP/1.1 200 OK\r\n${DATE}Content-Length: 3\r\n\r\n`;
  assert.equal(latin1(encodeOwnAnswer(answer, GET)), `${head}abc`);
});

Deno.test("ownAnswerPieces() copies a short body behind the head, and leaves a long one as it is", () => {
  for (
    const [length, method, count] of [[100, "GET", 1], [100_000, "HEAD", 1], [
      100_000,
      "GET",
      2,
    ]] as const
  ) {
    const answer = { status: 200, fields: [], body: new Uint8Array(length).fill(0x61) };
    const terms = { ...GET, method };
    const pieces = ownAnswerPieces(answer, terms);
    assert.equal(pieces.length, count);
    assert.equal(pieces.map(latin1).join(""), latin1(encodeOwnAnswer(answer, terms)));
    if (count === 2) assert.equal(pieces[1], answer.body);
  }
});

Deno.test("encodeOwnAnswer() tells of no length where there is no body by definition", () => {
  for (const [status, reason] of [[204, "No Content"], [304, "Not Modified"]] as const) {
    const answer = { status, fields: [], body: new Uint8Array(0) };
    const head = `HTTP/1.1 ${status} ${reason}\r\n${DATE}\r\n`;
    assert.equal(latin1(encodeOwnAnswer(answer, GET)), head);
  }
});

Deno.test("encodeOwnAnswer() tells one time, also where a rule has set it", () => {
  const dated = field("Date", "Sun, 01 Jan 2023 00:00:00 GMT");
  const answer = { status: 204, fields: [dated], body: new Uint8Array(0) };
  const head = "HTTP/1.1 204 No Content\r\nDate: Sun, 01 Jan 2023 00:00:00 GMT\r\n\r\n";
  assert.equal(latin1(encodeOwnAnswer(answer, GET)), head);
});

Deno.test("encodeOwnAnswer() has words for every status", () => {
  const lineOf = (status: number) =>
    latin1(encodeOwnAnswer({ status, fields: [], body: new Uint8Array(0) }, GET)).split("\r\n")[0];
  assert.equal(lineOf(205), "HTTP/1.1 205 Reset Content");
  assert.equal(lineOf(407), "HTTP/1.1 407 Proxy Authentication Required");
  assert.equal(lineOf(299), "HTTP/1.1 299 OK");
  assert.equal(lineOf(399), "HTTP/1.1 399 OK");
  assert.equal(lineOf(499), "HTTP/1.1 499 Error");
});
