import assert from "node:assert/strict";
import { latin1 } from "../../tests/support/connection.ts";
import { encodeOwnAnswer } from "../http1/own_answer.ts";
import { ProxyError } from "../core/errors.ts";
import { redirectAnswer } from "./redirect_answer.ts";

const DATE = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";

function redirected(path: string, authority: string, keepAlive = true) {
  const answer = redirectAnswer({ path, authority });
  assert.ok(!(answer instanceof ProxyError));
  const terms = { method: "GET", keepAlive, now: 0 };
  return { status: answer.status, text: latin1(encodeOwnAnswer(answer, terms)) };
}

const PLACES: readonly [path: string, authority: string, location: string][] = [
  ["/", "a", "https://a/"],
  ["/b?c=d", "a:80", "https://a/b?c=d"],
  ["*", "a:8080", "https://a/"],
  ["/", "[::1]:80", "https://[::1]/"],
  ["/", "[2001:db8::80]", "https://[2001:db8::80]/"],
];

for (const [path, authority, location] of PLACES) {
  Deno.test(`redirectAnswer() sends ${path} at ${authority} to ${location}`, () => {
    assert.deepEqual(redirected(path, authority), {
      status: 308,
      text: "HTTP/1.1 308 Permanent Redirect\r\n" +
        `Location: ${location}\r\n${DATE}Content-Length: 0\r\n\r\n`,
    });
  });
}

Deno.test("redirectAnswer() can send nobody anywhere who names no host", () => {
  const reason = redirectAnswer({ path: "/", authority: undefined });
  assert.ok(reason instanceof ProxyError);
  assert.equal(reason.code, "bad_host");
});

Deno.test("redirectAnswer() says where the connection ends", () => {
  assert.ok(redirected("/", "a", false).text.endsWith("Connection: close\r\n\r\n"));
});

Deno.test("redirectAnswer() tells the time of now", () => {
  const answer = redirectAnswer({ path: "/", authority: "a" });
  assert.ok(!(answer instanceof ProxyError));
  const bytes = encodeOwnAnswer(answer, { method: "GET", keepAlive: true });
  const [, told = ""] = /\r\nDate: (.*)\r\n/.exec(latin1(bytes)) ?? [];
  assert.ok(Math.abs(Date.now() - Date.parse(told)) < 60_000, told);
});
