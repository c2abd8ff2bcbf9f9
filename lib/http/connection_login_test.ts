import assert from "node:assert/strict";
import { logsIn, tiesConnection } from "./connection_login.ts";
import { field, hasRole, valuesOf } from "./field.ts";

/** The facts of a message with these values of one field, beside another. */
function factsOf(name: string, values: readonly string[]) {
  const fields = [field("X-Scheme", "NTLM"), ...values.map((value) => field(name, value))];
  return {
    has: (role: number) => hasRole(fields, role),
    values: (key: string) => valuesOf(fields, key),
  };
}

const asking = (...values: readonly string[]) => factsOf("WWW-Authenticate", values);
const telling = (...values: readonly string[]) => factsOf("Authorization", values);

/** Schemes, and whether they log a connection in (RFC 4559, section 6). */
const VALUES: readonly [value: string, ties: boolean][] = [
  ["NTLM", true],
  ["Negotiate", true],
  ["ntlm TlRMTVNTUAAB", true],
  ["NEGOTIATE YII=", true],
  ['Basic realm="a", Negotiate', true],
  ['Basic realm="a",\tNTLM, Digest', true],
  ["Basic NTLM", false],
  ["NTLM2", false],
  ["XNTLM", false],
  ['Basic realm="negotiate"', false],
  ["Bearer a", false],
  ["", false],
];

for (const [value, ties] of VALUES) {
  Deno.test(`tiesConnection() is ${ties} where either side says ${JSON.stringify(value)}`, () => {
    assert.equal(tiesConnection(telling(), asking(value)), ties);
    assert.equal(tiesConnection(telling(), asking("Basic", value)), ties);
    assert.equal(tiesConnection(telling(value), asking()), ties);
    assert.equal(logsIn(telling(value)), ties);
    // under another name it says nothing
    assert.equal(tiesConnection(asking(value), telling(value)), false);
  });
}
