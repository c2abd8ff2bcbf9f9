import assert from "node:assert/strict";
import { type Conditions, isUnconditional, meets } from "./conditions.ts";

const NO_CONDITIONS: Conditions = { methods: [], headers: {} };

function facts(method: string, fields: Record<string, string[]> = {}) {
  return { method, values: (name: string) => fields[name] ?? [] };
}

Deno.test("meets() looks at methods, fields and cookies", () => {
  const cases: [Parameters<typeof meets>[0], Parameters<typeof meets>[1], boolean][] = [
    [facts("GET"), NO_CONDITIONS, true],
    [facts("GET"), { methods: ["GET", "HEAD"], headers: {} }, true],
    [facts("get"), { methods: ["GET"], headers: {} }, false],
    [facts("HEAD"), { methods: ["POST", "GET"], headers: {} }, true],
    [facts("HEAD"), { methods: ["POST"], headers: {} }, false],
    [facts("GET"), { methods: ["HEAD"], headers: {} }, false],
    [facts("GET", { "x-canary": ["1"] }), { methods: [], headers: { "x-canary": "1" } }, true],
    [facts("GET", { "x-canary": ["0", "1"] }), { methods: [], headers: { "x-canary": "1" } }, true],
    [facts("GET", { "x-canary": ["11"] }), { methods: [], headers: { "x-canary": "1" } }, false],
    [facts("GET", { "x-canary": ["11"] }), { methods: [], headers: { "x-canary": "*" } }, true],
    [facts("GET"), { methods: [], headers: { "x-canary": "*" } }, false],
    [facts("GET", { cookie: ["a=1; b=2"] }), { methods: [], headers: { cookie: "b=2" } }, true],
    [facts("GET", { cookie: ["a=1;b=2"] }), { methods: [], headers: { cookie: "b=*" } }, true],
    [facts("GET", { cookie: ["a=1", "b=2"] }), { methods: [], headers: { cookie: "b=2" } }, true],
    [facts("GET", { cookie: ["b=3; c=2"] }), { methods: [], headers: { cookie: "b=2" } }, false],
    [facts("GET", { cookie: ["b=22"] }), { methods: [], headers: { cookie: "b=2" } }, false],
    [facts("GET", { cookie: ["a=1; bb=2"] }), { methods: [], headers: { cookie: "b=*" } }, false],
    [facts("GET", { cookie: ["a=1; b"] }), { methods: [], headers: { cookie: "b=*" } }, false],
    [facts("GET", { cookie: ["a"] }), { methods: [], headers: { cookie: "*" } }, true],
    [facts("GET"), { methods: [], headers: { cookie: "*" } }, false],
    [facts("GET", { "x-a": ["b; c"] }), { methods: [], headers: { "x-a": "b" } }, false],
    [facts("GET", { cookie: ["a=b=2"] }), { methods: [], headers: { cookie: "b=2" } }, false],
  ];
  for (const [request, conditions, expected] of cases) {
    assert.equal(meets(request, conditions), expected, JSON.stringify(conditions));
  }
  assert.ok(isUnconditional(NO_CONDITIONS));
  assert.ok(!isUnconditional({ methods: ["GET"], headers: {} }));
});
