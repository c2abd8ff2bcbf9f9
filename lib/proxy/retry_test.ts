import assert from "node:assert/strict";
import { ERROR_CODES, type ErrorCode, ProxyError } from "../core/errors.ts";
import { NO_BODY, UNKNOWN_LENGTH } from "../http/message.ts";
import {
  type FailedServer,
  type FailedTry,
  isRepeatable,
  isServersFault,
  mayRetry,
} from "./retry.ts";

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

Deno.test("isRepeatable() takes methods that do no harm twice, without bytes of a body or an upgrade", () => {
  for (const [method, expected] of REPEATABLE) {
    assert.equal(isRepeatable({ method, body: NO_BODY, upgrade: undefined }), expected, method);
    assert.equal(isRepeatable({ method, body: 0, upgrade: undefined }), expected, method);
    assert.equal(isRepeatable({ method, body: 1, upgrade: undefined }), false);
    assert.equal(isRepeatable({ method, body: UNKNOWN_LENGTH, upgrade: undefined }), false);
    assert.equal(isRepeatable({ method, body: NO_BODY, upgrade: ["websocket"] }), false);
  }
});

const FAULTS: readonly [
  what: string,
  code: ErrorCode,
  failed: Partial<FailedServer>,
  yes: boolean,
][] = [
  ["one that refuses", "connect_failed", { seen: "no" }, true],
  ["one that does not answer", "response_timeout", {}, true],
  ["one that gives no answer", "bad_response", {}, true],
  ["one that closes amid an answer", "truncated_response", { status: 200 }, true],
  ["one that closes without an answer", "upstream_gone", {}, true],
  ["one that closes an idle connection", "upstream_gone", { seen: "perhaps" }, false],
  ["one that says that it has not seen it", "upstream_gone", { seen: "no" }, false],
  ["one that is asked by HTTP/1.1 then", "http1_required", { seen: "no" }, false],
  ["what breaks behind an early answer", "truncated_response", { early: true, status: 413 }, false],
  ["what breaks behind a switch of protocols", "upstream_gone", { status: 101 }, false],
  ["a client that has gone", "client_gone", {}, false],
  ["the proxy's own fault", "internal", {}, false],
];

for (const [what, code, failed, yes] of FAULTS) {
  Deno.test(`isServersFault() says ${yes ? "yes" : "no"} to ${what}`, () => {
    const error = new ProxyError(code, "It has failed");
    assert.equal(
      isServersFault({ error, seen: "yes", early: false, status: 0, ...failed }),
      yes,
    );
  });
}
