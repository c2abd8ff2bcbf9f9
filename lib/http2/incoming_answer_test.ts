import assert from "node:assert/strict";
import { latin1 } from "../../tests/support/connection.ts";
import { field } from "../http/field.ts";
import { IncomingAnswer } from "./incoming_answer.ts";

Deno.test("a 407 of a server by HTTP/2 keeps what it asks the client for (RFC 9110 15.5.8)", () => {
  const askedBy = (status: number) => {
    const fields = [field("proxy-authenticate", "Basic"), field("a", "b")];
    const head = { status, fields, length: undefined };
    const answer = new IncomingAnswer(head, { method: "GET", ended: true });
    const names: string[] = [];
    answer.each((name) => void names.push(name), undefined);
    const terms = {
      method: "GET",
      minor: 1,
      keepAlive: true,
      via: false,
      changes: undefined,
    } as const;
    const { bytes, from, to } = answer.toHttp1(terms);
    const isInHttp1 = /^proxy-authenticate: Basic\r$/m.test(latin1(bytes.subarray(from, to)));
    return { inHttp1: isInHttp1, inHttp2: names.includes("proxy-authenticate") };
  };
  assert.deepEqual(askedBy(407), { inHttp1: true, inHttp2: true });
  assert.deepEqual(askedBy(401), { inHttp1: false, inHttp2: false });
});
