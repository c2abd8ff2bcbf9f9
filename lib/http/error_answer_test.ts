import assert from "node:assert/strict";
import { fromLatin1, latin1 } from "../../tests/support/connection.ts";
import { brief, feed } from "../../tests/support/feed.ts";
import { ERROR_CODES, type ErrorCode, ProxyError } from "../core/errors.ts";
import { encodeOwnAnswer, type OwnAnswerTerms } from "../http1/own_answer.ts";
import { ResponseDecoder } from "../http1/response_decoder.ts";
import { errorAnswer, type ErrorAnswerOptions, statusOf } from "./error_answer.ts";

const CODES = Object.keys(ERROR_CODES) as ErrorCode[];

/** What nobody can be told of: there is no HTTP client, or it has gone. */
const SILENT: readonly ErrorCode[] = [
  "client_gone",
  "bad_frame",
  "flood",
  "bad_proxy_header",
  "bad_client_hello",
  "handshake_failed",
  "handshake_timeout",
  "unknown_name",
  "idle_timeout",
  "bad_config",
  "unavailable",
  "resolve_failed",
];

type Options = Partial<ErrorAnswerOptions & OwnAnswerTerms>;

function encode(code: ErrorCode, options: Options): Uint8Array {
  const answer = errorAnswer(new ProxyError(code, "the message"), options);
  return encodeOwnAnswer(answer, { method: undefined, keepAlive: true, ...options });
}

function answer(code: ErrorCode, options: Options = {}): string {
  return latin1(encode(code, options));
}

Deno.test("statusOf() has a status for each error that a client can be told of", () => {
  const without = CODES.filter((code) => statusOf(new ProxyError(code, "")) === undefined);
  assert.deepEqual(without.sort(), [...SILENT].sort());
});

Deno.test("statusOf() follows who caused the error (RFC 9110 15.5, 15.6)", () => {
  for (const code of CODES) {
    const error = new ProxyError(code, "");
    const status = statusOf(error);
    if (status === undefined) continue;
    // 404, and the two of the 500s that say what this proxy does not speak
    const exceptions = ["no_route", "unsupported_transfer_coding", "bad_version"];
    if (exceptions.includes(code)) continue;
    assert.equal(status < 500, error.source === "client", code);
  }
});

for (const code of CODES.filter((code) => !SILENT.includes(code))) {
  Deno.test(`errorAnswer() is one well-formed answer to ${code}`, () => {
    const status = statusOf(new ProxyError(code, ""));
    for (const method of ["GET", "HEAD"]) {
      for (const keepAlive of [true, false]) {
        for (const accept of [undefined, "application/json"]) {
          const bytes = encode(code, { keepAlive, method, accept });
          const decoder = new ResponseDecoder({ headerBytes: 4096, headers: 20 });
          decoder.expect(method);
          const [head, ...rest] = feed(decoder, [bytes], { end: true });
          assert.ok(head?.kind === "head" && !("target" in head));
          assert.equal(head.head.status, status);
          assert.notEqual(head.head.reason, "Error");
          assert.equal(/connection: close/i.test(latin1(bytes)), !keepAlive);
          assert.deepEqual(rest.map(({ kind }) => kind), method === "HEAD" ? [] : ["data", "end"]);
          assert.ok(brief(rest).every((line) => !line.startsWith("failure")));
        }
      }
    }
  });
}

Deno.test("errorAnswer() tells a client what it did wrong", () => {
  assert.match(answer("bad_host"), /\r\n\r\n400 Bad Request\nthe message\n$/);
  assert.match(answer("answer_has_too_many_fields"), /\n502 Bad Gateway\nthe message\n$/);
  assert.match(answer("answer_too_large"), /\r\n\r\n502 Bad Gateway\nthe message\n$/);
  assert.match(answer("no_route"), /\r\n\r\n404 Not Found\nthe message\n$/);
});

Deno.test("errorAnswer() tells nothing of what happens behind the proxy", () => {
  for (const code of ["connect_failed", "bad_response", "internal", "response_timeout"] as const) {
    assert.doesNotMatch(answer(code), /the message/);
    assert.doesNotMatch(answer(code, { accept: "application/json" }), /the message/);
  }
});

Deno.test("errorAnswer() is JSON when the client asks for it", () => {
  for (
    const accept of ["application/json", "text/html, Application/JSON;q=0.9", "a,application/json"]
  ) {
    const [head, body] = answer("bad_host", { accept }).split("\r\n\r\n");
    assert.match(head ?? "", /\r\nContent-Type: application\/json\r\n/);
    assert.deepEqual(JSON.parse(body ?? ""), {
      status: 400,
      error: "bad_host",
      detail: "the message",
    });
  }
  for (const accept of [undefined, "", "*/*", "text/html", "application/jsonp"]) {
    assert.match(answer("bad_host", { accept }), /\r\nContent-Type: text\/plain/);
  }
});

Deno.test("errorAnswer() names the allowed methods with 405 (RFC 9110 15.5.6)", () => {
  assert.match(answer("method_not_allowed"), /\r\nAllow: GET, /);
  assert.doesNotMatch(answer("bad_host"), /\r\nAllow:/);
});

Deno.test("errorAnswer() gives HEAD the length and no body (RFC 9110 9.3.2)", () => {
  const get = answer("no_route", { method: "GET" });
  assert.equal(answer("no_route", { method: "HEAD" }), get.slice(0, get.indexOf("\r\n\r\n") + 4));
});

Deno.test("encodeOwnAnswer() tells the time (RFC 9110 6.6.1)", () => {
  const now = Date.UTC(1994, 10, 6, 8, 49, 37);
  assert.match(answer("bad_host", { now }), /\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n/);
  const [, told = ""] = /\r\nDate: (.*)\r\n/.exec(answer("connect_failed")) ?? [];
  assert.ok(Math.abs(Date.now() - Date.parse(told)) < 60_000, told);
});

Deno.test("errorAnswer() says when to ask again, while draining in a second", () => {
  assert.match(answer("draining"), /\r\nRetry-After: 1\r\n/);
  assert.match(answer("draining", { retryAfter: 5 }), /\r\nRetry-After: 5\r\n/);
  assert.match(answer("no_server", { retryAfter: 7 }), /\r\nRetry-After: 7\r\n/);
  assert.doesNotMatch(answer("no_server"), /Retry-After/);
});

/** RFC 9110, section 15, and RFC 9112, sections 3 and 6.1. */
const ANSWERS: Readonly<Record<string, readonly ErrorCode[]>> = {
  "400 Bad Request": [
    ...["bad_request_line", "bad_target", "bad_field", "bad_host", "bad_length"] as const,
    ...["bad_transfer_encoding", "bad_chunk", "truncated_request", "plain_http"] as const,
  ],
  "404 Not Found": ["no_route"],
  "405 Method Not Allowed": ["method_not_allowed"],
  "408 Request Timeout": ["header_timeout", "body_timeout"],
  "413 Content Too Large": ["body_too_large"],
  "414 URI Too Long": ["target_too_long"],
  "417 Expectation Failed": ["expectation_failed"],
  "421 Misdirected Request": ["misdirected"],
  "431 Request Header Fields Too Large": ["head_too_large"],
  "500 Internal Server Error": ["internal"],
  "501 Not Implemented": ["unsupported_transfer_coding", "websocket_unsupported"],
  "502 Bad Gateway": [
    ...["connect_failed", "upstream_gone", "bad_response", "truncated_response"] as const,
    ...["answer_too_large", "answer_has_too_many_fields", "no_server", "http1_required"] as const,
  ],
  "503 Service Unavailable": ["draining", "backend_unavailable", "overloaded"],
  "504 Gateway Timeout": ["connect_timeout", "response_timeout"],
  "505 HTTP Version Not Supported": ["bad_version"],
};

for (const [line, codes] of Object.entries(ANSWERS)) {
  Deno.test(`errorAnswer() is ${line} for ${codes.join(", ")}`, () => {
    for (const code of codes) assert.ok(answer(code).startsWith(`HTTP/1.1 ${line}\r\n`), code);
  });
}

Deno.test("errorAnswer() names the request it answers, as text and as JSON", () => {
  assert.match(answer("no_route", { id: "i" }), /\r\nX-Request-Id: i\r\n.*\nrequest i\n$/s);
  assert.doesNotMatch(answer("no_route"), /X-Request-Id|request /);
  const [, body = ""] = answer("connect_failed", { id: "i", accept: "application/json" })
    .split("\r\n\r\n");
  assert.deepEqual(JSON.parse(body), {
    status: 502,
    error: "connect_failed",
    detail: "Bad Gateway",
    request_id: "i",
  });
});

Deno.test("errorAnswer() tells the length of its body, in text and in JSON", () => {
  for (const accept of [undefined, "application/json"]) {
    for (const keepAlive of [true, false]) {
      const [head = "", body = ""] = answer("bad_host", { accept, keepAlive }).split("\r\n\r\n");
      assert.ok(head.split("\r\n").includes(`Content-Length: ${body.length}`), head);
    }
  }
});

Deno.test("errorAnswer() shows a page to those who do not prefer JSON", () => {
  const page = fromLatin1("<p>sorry");
  const html = answer("no_server", { page });
  assert.match(html, /\r\nContent-Type: text\/html; charset=utf-8\r\n.*\r\n\r\n<p>sorry$/s);
  const rather = answer("no_server", { page, accept: "text/html, application/json;q=0.9" });
  assert.match(rather, /<p>sorry$/);
  const json = answer("no_server", { page, accept: "application/json" });
  assert.match(json, /\r\nContent-Type: application\/json\r\n/);
  assert.doesNotMatch(json, /sorry/);
  assert.match(answer("no_server"), /\r\nContent-Type: text\/plain; charset=utf-8\r\n/);
});

Deno.test("errorAnswer() challenges where it is to (RFC 9110 11.6.1)", () => {
  const challenge = 'Basic realm="a"';
  const asked = answer("no_route", { challenge });
  assert.ok(asked.includes(`\r\nWWW-Authenticate: ${challenge}\r\n`), asked);
  assert.doesNotMatch(answer("no_route"), /WWW-Authenticate/);
});
