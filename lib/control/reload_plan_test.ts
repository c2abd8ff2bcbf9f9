import assert from "node:assert/strict";
import { loadedConfig, paperCertificate } from "../../tests/support/loaded_config.ts";
import { planReload } from "./reload_plan.ts";

const BASE = {
  listeners: `[{ listen: ":1" }]`,
  certificates: "[{ cert: a.crt, key: k }]",
  backends: "{ one: { servers: ['h:1'] }, two: { servers: ['h:2'] } }",
  routes: "[{ hosts: [a], backend: one }, { hosts: [b], backend: two }]",
};

function load(parts: Readonly<Record<string, string>>, fingerprint = "1") {
  const yaml = Object.entries(parts).map(([key, value]) => `${key}: ${value}`).join("\n");
  return loadedConfig(yaml, (label) => paperCertificate(["a"], { label, fingerprint }));
}

const CASES: readonly (readonly [change: Readonly<Record<string, string>>, plan: string])[] = [
  [{}, ""],
  [
    {
      routes: "[{ hosts: [a], backend: one }, { hosts: [c], backend: one }, { backend: one }]",
      backends: "{ one: { servers: ['h:1'] } }",
    },
    "2 routes added, 1 route removed, 1 backend removed and draining",
  ],
  [
    { routes: "[{ hosts: [b], backend: two }, { hosts: [a], backend: one }]" },
    "routes reordered",
  ],
  [{ routes: "[{ hosts: [a], backend: two }, { hosts: [b], backend: two }]" }, "1 route changed"],
  [
    { backends: "{ one: { servers: ['h:1'] }, two: { servers: ['h:2', 'h:3'] } }" },
    "1 backend changed",
  ],
  [
    { listeners: `[{ listen: ":2" }, { listen: ":3", redirect: https }]` },
    "2 listeners added, 1 listener removed",
  ],
  [{ listeners: `[{ listen: ":1", mode: tcp }]` }, "1 listener changed"],
  [
    { certificates: "[{ cert: a.crt, key: k }, { cert: b.crt, key: k }]" },
    "1 certificate added",
  ],
  [{ certificates: "[{ cert: a.crt, key: k, hosts: [x] }]" }, "1 certificate changed"],
  [{ timeouts: "{ drain: 1s }", limits: "{ headers: 5 }" }, "timeouts changed, limits changed"],
  [
    { log: "{ level: debug }", admin: '{ listen: "127.0.0.1:9900" }' },
    "log changed, admin changed",
  ],
  [{ error_pages: "{ 404: a.html }" }, "error_pages changed"],
  [{ workers: "2" }, "workers changed (from the next start on)"],
];

Deno.test("planReload() says what changes", () => {
  for (const [change, plan] of CASES) {
    const said = planReload(load(BASE), load({ ...BASE, ...change })).join(", ");
    assert.equal(said, plan === "" ? "" : `${plan}, 0 connections closed`);
  }
});

Deno.test("planReload() takes a renewed certificate for a change", () => {
  assert.deepEqual(planReload(load(BASE, "1"), load(BASE, "2")), [
    "1 certificate changed",
    "0 connections closed",
  ]);
});

Deno.test("planReload() takes another content of a file for a change", () => {
  const holding = (text: string) => ({
    ...load(BASE),
    contents: new Map([["page.html", new TextEncoder().encode(text)]]),
  });
  assert.deepEqual(planReload(holding("one"), holding("two")), [
    "1 file changed",
    "0 connections closed",
  ]);
  assert.deepEqual(planReload(holding("one"), holding("one")), []);
});

Deno.test("planReload() tells things apart that are alike", () => {
  const twice = { ...BASE, listeners: `[{ listen: ":0" }, { listen: ":0" }]` };
  const once = { ...BASE, listeners: `[{ listen: ":0" }]` };
  assert.equal(planReload(load(once), load(twice))[0], "1 listener added");
});
