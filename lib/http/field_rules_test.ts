import assert from "node:assert/strict";
import { fieldChanger, isUntouchable } from "./field_rules.ts";
import { VARIABLES, type Variables } from "./template.ts";

const VALUES = Object.fromEntries(VARIABLES.map((name) => [name, `the ${name}`])) as Variables;

Deno.test("fieldChanger() sets, adds and removes", () => {
  const change = fieldChanger({
    set: { "X-Env": "prod", "X-Host": "{host}" },
    add: { "X-More": "1" },
    remove: ["X-Debug"],
  });
  const { remove, add } = change?.(VALUES) ?? {};
  assert.deepEqual([...remove ?? []], ["x-env", "x-host", "x-debug"]);
  assert.deepEqual(add, [
    { name: "X-Env", value: "prod" },
    { name: "X-Host", value: "the host" },
    { name: "X-More", value: "1" },
  ]);
  assert.equal(fieldChanger({ set: {}, add: {}, remove: [] }), undefined);
  const constant = fieldChanger({ set: { A: "1" }, add: {}, remove: [] });
  assert.equal(constant?.(VALUES), constant?.(VALUES), "made once");
});

Deno.test("isUntouchable() knows framing, connection and origin under all their spellings", () => {
  const ours = [
    ...["Connection", "Transfer-Encoding", "content-length", "Host", "TE", "Upgrade", "Trailer"],
    ...["X-Forwarded-For", "x_forwarded_for", "Forwarded", "Expect", "Keep-Alive", "Client-Cert"],
    ...["Proxy-Authorization", "transfer_encoding"],
  ];
  for (const name of ours) assert.ok(isUntouchable(name), name);
  for (const name of ["X-Env", "Server", "Cookie", "Authorization", "Via"]) {
    assert.ok(!isUntouchable(name), name);
  }
});
