import assert from "node:assert/strict";
import { decodeLatin1 } from "../core/latin1.ts";
import { field } from "../http/field.ts";
import { ROLE } from "../http/field_name.ts";
import { NO_BODY, UNKNOWN_LENGTH } from "../http/message.ts";
import type { HttpVersion } from "../http/via.ts";
import { CodedHead } from "./coded_head.ts";

const FIELDS = [field("content-type", "text/plain"), field("via", "1.1 b")];
const TERMS = { method: "GET", minor: 1, keepAlive: true, via: false, changes: undefined } as const;

function headOf(status: number, body: number, version: HttpVersion = "1.1"): CodedHead {
  return new CodedHead({ status, version }, { fields: FIELDS, body });
}

function textOf(head: CodedHead, terms: Partial<Record<keyof typeof TERMS, unknown>> = {}): string {
  const { bytes, from, to } = head.toHttp1({ ...TERMS, ...terms as object });
  return decodeLatin1(bytes.subarray(from, to));
}

Deno.test("CodedHead frames a body by what is known of it", () => {
  const start = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nvia: 1.1 b\r\n";
  const of = (body: number) => headOf(200, body);
  assert.equal(textOf(of(5)), `${start}Content-Length: 5\r\n\r\n`);
  assert.equal(textOf(of(UNKNOWN_LENGTH)), `${start}Transfer-Encoding: chunked\r\n\r\n`);
  assert.equal(textOf(of(NO_BODY)), `${start}\r\n`);
});

Deno.test("CodedHead says what becomes of the connection, and that it came this way", () => {
  const head = headOf(404, 0);
  assert.equal(
    textOf(head, { keepAlive: false, via: true }),
    "HTTP/1.1 404 Not Found\r\ncontent-type: text/plain\r\nContent-Length: 0\r\n" +
      "Via: 1.1 b, 1.1 tls-proxy\r\nConnection: close\r\n\r\n",
  );
  for (const version of ["1.0", "1.1", "2.0"] as const) {
    const text = textOf(headOf(200, 0, version), { via: true });
    assert.match(text, new RegExp(String.raw`\r\nVia: 1\.1 b, ${version} tls-proxy\r\n`));
  }
  assert.match(textOf(head, { minor: 0 }), /\r\nConnection: keep-alive\r\n\r\n$/);
});

Deno.test("CodedHead tells its fields, with what is changed of them", () => {
  const head = headOf(200, 5);
  const told: string[] = [];
  const changes = {
    remove: new Set(["via", "content-length"]),
    add: [{ name: "X-A", value: "1" }],
  };
  head.each((name, value) => void told.push(`${name}: ${value}`), changes);
  assert.deepEqual(told, ["content-type: text/plain", "content-length: 5", "x-a: 1"]);
  assert.deepEqual(head.values("via"), ["1.1 b"]);
  assert.equal(head.has(ROLE.via), true);
  assert.equal(head.has(ROLE.host), false);
});
