import assert from "node:assert/strict";
import type { KeyPath } from "./key_path.ts";
import { mend } from "./mend.ts";

const CASES: readonly (readonly [input: unknown, path: KeyPath, left: unknown])[] = [
  [{ timeouts: { drain: 5, header: "1s" } }, ["timeouts", "drain"], { timeouts: { header: "1s" } }],
  [{ rotes: [] }, ["rotes"], {}],
  [{ toString: 3 }, ["toString"], {}],
  [{ routes: [{ hosts: ["a", "!"] }] }, ["routes", 0, "hosts", 1], { routes: [{ hosts: ["a"] }] }],
  [{ routes: [5, 6] }, ["routes", 0], { routes: [{ backend: "" }, 6] }],
  [{ routes: [{}] }, ["routes", 0, "backend"], { routes: [{ backend: "" }] }],
  [
    { backends: { a: { servers: [1] } } },
    ["backends", "a", "servers", 0],
    { backends: { a: { servers: ["127.0.0.1:1"] } } },
  ],
  [
    { tests: [{ host: "a", expect: { status: "404" } }] },
    ["tests", 0, "expect", "status"],
    { tests: [{ host: "a", expect: { status: 404 } }] },
  ],
  [{}, ["listeners"], { listeners: [{ listen: "127.0.0.1:0" }] }],
];

Deno.test("mend() takes a value out, or puts one in its place that says nothing", () => {
  for (const [input, path, left] of CASES) {
    assert.equal(mend(input, path), true, path.join("."));
    assert.deepEqual(input, left);
  }
});

Deno.test("mend() says so when there is nothing to take out", () => {
  const NOTHING: readonly (readonly [unknown, KeyPath])[] = [
    [{}, ["log"]],
    [{}, ["log", "level"]],
    [5, ["log"]],
    [null, []],
  ];
  for (const [input, path] of NOTHING) assert.equal(mend(input, path), false, path.join("."));
});
