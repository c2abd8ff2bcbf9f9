import assert from "node:assert/strict";
import { type Framing, framingFields, requestFraming, responseFraming } from "./framing.ts";
import type { ProxyError } from "../core/errors.ts";
import { field } from "../http/field.ts";

const NONE: Framing = { kind: "none" };
const THREE: Framing = { kind: "length", length: 3 };
const CHUNKED: Framing = { kind: "chunked" };
const UNTIL_CLOSE: Framing = { kind: "until_close" };

const length = (value = "3") => field("Content-Length", value);
const coding = (value = "chunked") => field("Transfer-Encoding", value);

Deno.test("requestFraming() decides how a body is delimited (RFC 9112 6.3)", () => {
  const of = (...fields: ReturnType<typeof field>[]) =>
    requestFraming({ method: "POST", target: "/", minor: 1, fields });
  assert.deepEqual(of(), NONE);
  assert.deepEqual(of(length()), THREE);
  assert.deepEqual(of(length("0")), { kind: "length", length: 0 });
  assert.deepEqual(of(length("999999999999999")), { kind: "length", length: 999_999_999_999_999 });
  assert.deepEqual(of(coding()), CHUNKED);
  assert.deepEqual(of(coding("Chunked")), CHUNKED);
});

Deno.test("requestFraming() refuses what could be read in two ways (RFC 9112 6.1, 6.3)", () => {
  const refused = (code: string, ...fields: ReturnType<typeof field>[]) =>
    assert.throws(() => requestFraming({ method: "POST", target: "/", minor: 1, fields }), {
      name: "ProxyError",
      code,
      source: "client",
    });
  refused("bad_transfer_encoding", length(), coding());
  refused("bad_length", length(), length());
  refused("bad_length", length("3,3"));
  refused("bad_transfer_encoding", coding(), coding());
  refused("unsupported_transfer_coding", coding("gzip, chunked"));
});

Deno.test("responseFraming() decides how a body is delimited (RFC 9112 6.3)", () => {
  type Row = readonly [status: number, method: string, field: "length" | "coding" | "", Framing];
  const rows: readonly Row[] = [
    [200, "GET", "length", THREE],
    [200, "GET", "coding", CHUNKED],
    [200, "GET", "", UNTIL_CLOSE],
    [404, "POST", "", UNTIL_CLOSE],
    [205, "GET", "", UNTIL_CLOSE],
    [200, "HEAD", "length", NONE],
    [200, "HEAD", "coding", NONE],
    [200, "HEAD", "", NONE],
    [100, "GET", "", NONE],
    [103, "GET", "length", NONE],
    [204, "GET", "length", NONE],
    [204, "GET", "coding", NONE],
    [304, "GET", "length", NONE],
    [304, "GET", "", NONE],
    // only upper case is HEAD (RFC 9110, section 9.1)
    [200, "head", "length", THREE],
  ];
  for (const [status, method, which, expected] of rows) {
    const fields = which === "length" ? [length()] : which === "coding" ? [coding()] : [];
    const framing = responseFraming({ minor: 1, status, reason: "", fields }, method);
    assert.deepEqual(framing, expected, `${method} ${status} ${which}`);
  }
});

Deno.test("responseFraming() takes one length twice, to the letter (RFC 9110 8.6)", () => {
  const of = (...values: readonly string[]) => {
    const fields = values.map(length);
    return responseFraming({ minor: 1, status: 200, reason: "", fields }, "GET");
  };
  assert.deepEqual(of("3", "3"), THREE);
  assert.deepEqual(of("3", "3", "3"), THREE);
  for (const values of [["3", "4"], ["3", "3", "4"], ["3", "03"], ["3, 3"], ["x", "x"]]) {
    assert.throws(() => of(...values), { code: "bad_response" }, values.join(" and "));
  }
});

Deno.test("requestFraming() wants chunked to be the last coding (RFC 9112 6.3)", () => {
  const codeOf = (...values: readonly string[]) => {
    try {
      const fields = values.map(coding);
      return requestFraming({ method: "POST", target: "/", minor: 1, fields }).kind;
    } catch (error) {
      return (error as ProxyError).code;
    }
  };
  for (
    const value of ["chunked, gzip", "gzip, chunked, gzip", "chunked, chunked", "chunked, a b"]
  ) {
    assert.equal(codeOf(value), "bad_transfer_encoding", value);
  }
  assert.equal(codeOf("chunked", "gzip"), "bad_transfer_encoding");
  assert.equal(codeOf("gzip", "chunked"), "unsupported_transfer_coding");
  assert.equal(codeOf("gzip"), "unsupported_transfer_coding");
});

Deno.test("responseFraming() refuses malformed framing even where there is no body", () => {
  for (
    const [status, method] of [[200, "HEAD"], [204, "GET"], [304, "GET"], [100, "GET"]] as const
  ) {
    const head = { minor: 1, status, reason: "", fields: [length(), coding()] } as const;
    const expected = { code: "bad_response", source: "upstream" };
    assert.throws(() => responseFraming(head, method), expected);
  }
});

Deno.test("framingFields() tells the next reader of a framing", () => {
  const lines = (framing: Framing) =>
    framingFields(framing).map(({ name, value }) => `${name}: ${value}`);
  assert.deepEqual(lines(THREE), ["Content-Length: 3"]);
  assert.deepEqual(lines({ kind: "length", length: 0 }), ["Content-Length: 0"]);
  assert.deepEqual(lines({ kind: "length", length: 999_999_999_999_999 }), [
    "Content-Length: 999999999999999",
  ]);
  assert.deepEqual(lines(CHUNKED), ["Transfer-Encoding: chunked"]);
  assert.deepEqual(lines(NONE), []);
  assert.deepEqual(lines(UNTIL_CLOSE), []);
});

Deno.test("responseFraming() knows where interim answers end and others begin", () => {
  const of = (status: number) =>
    responseFraming({ minor: 1, status, reason: "", fields: [length()] }, "GET");
  for (const status of [100, 199, 204, 304]) assert.deepEqual(of(status), NONE, String(status));
  for (const status of [200, 203, 205, 303, 305, 999]) {
    assert.deepEqual(of(status), THREE, String(status));
  }
});

Deno.test("requestFraming() blames what is no coding, wherever it stands", () => {
  for (const value of ["gzip;q=1, chunked", '"gzip", chunked', ", chunked", "a b, chunked"]) {
    assert.throws(
      () => requestFraming({ method: "POST", target: "/", minor: 1, fields: [coding(value)] }),
      { code: "bad_transfer_encoding" },
      value,
    );
  }
});
