import assert from "node:assert/strict";
import {
  asProxyError,
  codeOf,
  ERROR_CODES,
  type ErrorCode,
  messageOf,
  ProxyError,
} from "./errors.ts";

Deno.test("ProxyError.source follows from its code", () => {
  for (const [code, source] of Object.entries(ERROR_CODES)) {
    assert.equal(new ProxyError(code as ErrorCode, "").source, source);
  }
});

Deno.test("ProxyError is an Error with code, message and cause", () => {
  const cause = new Error("below");
  const error = new ProxyError("bad_host", "above", { cause });
  assert.ok(error instanceof Error);
  assert.equal(`${error}`, "ProxyError: above");
  assert.equal(error.code, "bad_host");
  assert.equal(error.cause, cause);
});

Deno.test("asProxyError() gives a ProxyError as it is, and wraps anything else", () => {
  const error = new ProxyError("bad_host", "");
  assert.equal(asProxyError(error, "internal"), error);
  for (
    const [thrown, message] of [[new TypeError("a"), "a"], ["b", "b"], [undefined, "undefined"]]
  ) {
    const wrapped = asProxyError(thrown, "client_gone");
    assert.equal(wrapped.code, "client_gone");
    assert.equal(wrapped.message, message);
    assert.equal(wrapped.cause, thrown);
  }
});

Deno.test("messageOf() says what went wrong, whatever was thrown", () => {
  assert.equal(messageOf(new Error("a")), "a");
  assert.equal(messageOf("a"), "a");
  assert.equal(messageOf(null), "null");
});

Deno.test("codeOf() gives the system's name of what went wrong, and nothing else", () => {
  assert.equal(codeOf(Object.assign(new Error("a"), { code: "ENOENT" })), "ENOENT");
  for (
    const other of [new Error("a"), Object.assign(new Error("a"), { code: 2 }), "ENOENT", null]
  ) {
    assert.equal(codeOf(other), undefined);
  }
  assert.equal(codeOf({ code: "ENOENT" }), undefined);
});
