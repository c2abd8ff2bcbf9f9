import assert from "node:assert/strict";
import { forwardedFields, withoutForwarded } from "./forwarded.ts";
import { field, fieldLines } from "./head.ts";

Deno.test("forwardedFields() tells where a request came from", () => {
  const facts = { peer: "2001:db8::1", port: 8443, proto: "https", host: "a:8443" } as const;
  assert.equal(
    fieldLines(forwardedFields(facts)),
    "X-Forwarded-For: 2001:db8::1\r\nX-Forwarded-Proto: https\r\n" +
      "X-Forwarded-Host: a:8443\r\nX-Forwarded-Port: 8443\r\n",
  );
});

Deno.test("withoutForwarded() drops what claims to know it, also with _ for - (RFC 3875 4.1.18)", () => {
  const claims = ["For", "Host", "Port", "Proto"].flatMap((what) => [
    `X-Forwarded-${what}`,
    `x-forwarded-${what.toUpperCase()}`,
    `X_Forwarded_${what}`,
    `X-Forwarded_${what}`,
    `x_forwarded-${what}`,
  ]);
  for (const name of [...claims, "Forwarded", "FORWARDED"]) {
    assert.deepEqual(withoutForwarded([field(name, "6.6.6.6")]), [], name);
  }
});

Deno.test("withoutForwarded() keeps the rest, in order", () => {
  const fields = ["Forwarded-For", "X-Forwarded", "X-Forwarded-Forr", "For", "X_A"].map((name) =>
    field(name, "a")
  );
  assert.deepEqual(withoutForwarded(fields), fields);
});
