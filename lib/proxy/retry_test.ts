import assert from "node:assert/strict";
import { ERROR_CODES, type ErrorCode } from "../core/errors.ts";
import { type FailedTry, mayRetry } from "./retry.ts";

/** The idle connection that was closed just when a GET was sent on it. */
const STALE: FailedTry = {
  code: "upstream_gone",
  method: "GET",
  hasBody: false,
  reused: true,
  answered: false,
};

const RULE: readonly [what: string, failed: Partial<FailedTry>, retry: boolean][] = [
  ["a stale connection", {}, true],
  ["... of a HEAD", { method: "HEAD" }, true],
  ["... of an OPTIONS", { method: "OPTIONS" }, true],
  ["... of a PUT without a body", { method: "PUT" }, true],
  ["... of a DELETE", { method: "DELETE" }, true],
  ["... of a POST, which may have been done", { method: "POST" }, false],
  ["... of a PATCH", { method: "PATCH" }, false],
  ["... of a method nobody knows", { method: "FROB" }, false],
  ["... of a method in lower case, which is another", { method: "get" }, false],
  ["... behind a body, which is gone", { hasBody: true }, false],
  ["... behind a part of an answer", { answered: true }, false],
  ["a new connection that breaks: the server has read it", { reused: false }, false],
  ["opaque bytes that break off", { method: undefined }, false],
  ["a server that refuses", { code: "connect_failed", reused: false }, true],
  ["... a POST", { code: "connect_failed", method: "POST", reused: false }, true],
  ["... a body, of which nothing was read", { code: "connect_failed", hasBody: true }, true],
  ["... opaque bytes", { code: "connect_failed", method: undefined, reused: false }, true],
  ["a server that does not accept", { code: "connect_timeout", method: "POST" }, true],
  ["a server that does not answer", { code: "response_timeout" }, false],
  ["what is no answer", { code: "bad_response" }, false],
  ["half an answer", { code: "truncated_response" }, false],
];

for (const [what, failed, retry] of RULE) {
  Deno.test(`mayRetry() says ${retry ? "yes" : "no"} to ${what}`, () => {
    assert.equal(mayRetry({ ...STALE, ...failed }), retry);
  });
}

Deno.test("mayRetry() says no to every other error", () => {
  const yes: readonly ErrorCode[] = ["connect_failed", "connect_timeout", "upstream_gone"];
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    if (!yes.includes(code)) assert.equal(mayRetry({ ...STALE, code }), false, code);
  }
});
