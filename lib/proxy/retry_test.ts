import assert from "node:assert/strict";
import { ERROR_CODES, type ErrorCode } from "../core/errors.ts";
import { NO_BODY, UNKNOWN_LENGTH } from "../http/message.ts";
import { type FailedTry, isRepeatable, mayRetry } from "./retry.ts";

/** The idle connection that was closed just when a request was sent on it. */
const STALE: FailedTry = {
  code: "upstream_gone",
  repeatable: true,
  bodyGone: false,
  seen: "perhaps",
};

const RULE: readonly [what: string, failed: Partial<FailedTry>, retry: boolean][] = [
  ["a stale connection", {}, true],
  ["... of what may have been done", { repeatable: false }, false],
  ["... behind a part of an answer", { seen: "yes" }, false],
  ["a new connection that breaks: the server has read it", { seen: "yes" }, false],
  ["a server that says that it has not seen it", { seen: "no", repeatable: false }, true],
  ["... though it was sent some of the body", { seen: "no", bodyGone: true }, false],
  ["a server that refuses", { code: "connect_failed", seen: "no", repeatable: false }, true],
  ["a server that does not accept", { code: "connect_timeout", seen: "no" }, true],
  ["a server that does not answer", { code: "response_timeout", seen: "yes" }, false],
  ["what is no answer", { code: "bad_response", seen: "yes" }, false],
  ["half an answer", { code: "truncated_response", seen: "yes" }, false],
];

for (const [what, failed, retry] of RULE) {
  Deno.test(`mayRetry() says ${retry ? "yes" : "no"} to ${what}`, () => {
    assert.equal(mayRetry({ ...STALE, ...failed }), retry);
  });
}

Deno.test("mayRetry() says no to every error that the server may have caused by working on it", () => {
  const yes: readonly ErrorCode[] = ["connect_failed", "connect_timeout"];
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    const expected = yes.includes(code);
    assert.equal(mayRetry({ ...STALE, code, seen: "yes" }), expected, code);
  }
});

const REPEATABLE: readonly [method: string, expected: boolean][] = [
  ["GET", true],
  ["HEAD", true],
  ["OPTIONS", true],
  ["PUT", true],
  ["DELETE", true],
  ["POST", false],
  ["PATCH", false],
  ["FROB", false],
  ["get", false],
];

Deno.test("isRepeatable() takes methods that do no harm twice, without a body or an upgrade", () => {
  for (const [method, expected] of REPEATABLE) {
    assert.equal(isRepeatable({ method, body: NO_BODY, upgrade: undefined }), expected, method);
    assert.equal(isRepeatable({ method, body: 0, upgrade: undefined }), false);
    assert.equal(isRepeatable({ method, body: UNKNOWN_LENGTH, upgrade: undefined }), false);
    assert.equal(isRepeatable({ method, body: NO_BODY, upgrade: ["websocket"] }), false);
  }
});
