import assert from "node:assert/strict";
import { latin1 } from "../../tests/support/connection.ts";
import { field } from "../http/field.ts";
import { IncomingAnswer } from "./incoming_answer.ts";

const TERMS = { method: "GET", minor: 1, keepAlive: true, via: false, changes: undefined } as const;

Deno.test("an answer of a server by HTTP/2 has its status in words for HTTP/1.1", () => {
  const lineOf = (status: number) => {
    const head = { status, fields: [], length: undefined };
    const { bytes, to } = new IncomingAnswer(head, { method: "GET", ended: true }).toHttp1(TERMS);
    return latin1(bytes.subarray(0, to)).split("\r\n")[0];
  };
  const words = [
    ...["100 Continue", "101 Switching Protocols", "103 Early Hints", "200 OK"],
    ...["207 Multi-Status", "423 Locked", "507 Insufficient Storage", "299 OK", "599 Error"],
  ];
  assert.deepEqual(
    words.map((line) => lineOf(Number(line.slice(0, 3)))),
    words.map((line) => `HTTP/1.1 ${line}`),
  );
});

Deno.test("a 407 of a server by HTTP/2 keeps what it asks the client for (RFC 9110 15.5.8)", () => {
  const askedBy = (status: number) => {
    const fields = [field("proxy-authenticate", "Basic"), field("a", "b")];
    const head = { status, fields, length: undefined };
    const answer = new IncomingAnswer(head, { method: "GET", ended: true });
    const names: string[] = [];
    answer.each((name) => void names.push(name), undefined);
    const { bytes, from, to } = answer.toHttp1(TERMS);
    const isInHttp1 = /^proxy-authenticate: Basic\r$/m.test(latin1(bytes.subarray(from, to)));
    return { inHttp1: isInHttp1, inHttp2: names.includes("proxy-authenticate") };
  };
  assert.deepEqual(askedBy(407), { inHttp1: true, inHttp2: true });
  assert.deepEqual(askedBy(401), { inHttp1: false, inHttp2: false });
});
