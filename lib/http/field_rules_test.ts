import assert from "node:assert/strict";
import { fieldChanger, isUntouchable, splitHost } from "./field_rules.ts";
import { VARIABLES, type Variables } from "./template.ts";

const VALUES = Object.fromEntries(VARIABLES.map((name) => [name, `the ${name}`])) as Variables;

Deno.test("fieldChanger() sets, adds and removes", () => {
  const change = fieldChanger({
    set: { "X-Env": "prod", "X-Host": "{host}" },
    add: { "X-More": "1" },
    remove: ["X_Debug"],
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

const HOSTS: readonly [template: string, host: string, made: string | undefined][] = [
  ["up.test", "a", "up.test"],
  ["up.test:8080", "a", "up.test:8080"],
  ["{host}:8080", "a.test", "a.test:8080"],
  ["{host}:", "a.test", "a.test"],
  [" [{host}]:80 ", "::1", "[::1]:80"],
  ["{host}:80", "::1", undefined],
  ["{host}", "", undefined],
  ["{host}", "a/b", undefined],
  ["{host}", "a b", undefined],
  ["{host}", "a\r\nX: y", undefined],
  ["{host}", "a@b", undefined],
  ["{host}.x", "\xe9", undefined],
];

Deno.test("splitHost() makes of a rule what a client may say as Host, or refuses", () => {
  for (const [template, host, made] of HOSTS) {
    const rules = { set: { A: "1", hOSt: template }, add: { B: "2" }, remove: ["C"] };
    const { host: make, rest } = splitHost(rules);
    assert.deepEqual(rest, { ...rules, set: { A: "1" } });
    const variables = { ...VALUES, host };
    if (made === undefined) assert.throws(() => make?.(variables), { code: "bad_host" }, host);
    else assert.equal(make?.(variables), made);
  }
  const rules = { set: { A: "1" }, add: {}, remove: [] };
  assert.deepEqual(splitHost(rules), { host: undefined, rest: rules });
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
