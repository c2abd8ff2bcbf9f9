import assert from "node:assert/strict";
import { parseConfig } from "./parse.ts";
import { verifyConfig } from "./verify.ts";

const TLS = '{ listen: "127.0.0.1:1" }';
const TCP = '{ listen: "127.0.0.1:2", mode: tcp }';
const PLAIN = '{ listen: "127.0.0.1:3", tls: false }';
const REDIRECT = '{ listen: "127.0.0.1:4", redirect: https }';

/** Each backend is sticky, with the cookie that its name begins with. */
function findings(listeners: readonly string[], routes: readonly string[]): string[] {
  const names = routes.flatMap((route) => /backend: (\w+)/.exec(route)?.[1] ?? []);
  const backends = [...new Set(names)].map((name) =>
    `${name}: { servers: ["h:1"], sticky: { cookie: ${name[0]} } }`
  );
  const text = `listeners: [${listeners.join(", ")}]
certificates: [{ cert: a, key: b }]
backends: { ${backends.join(", ")} }
routes:
${routes.map((route) => `  - { ${route} }`).join("\n")}
`;
  const file = parseConfig({ path: "p.yaml", text });
  assert.ok(file.config !== undefined, text);
  return verifyConfig(file.config, file).map(({ severity, place, message }) =>
    `${place.line}:${place.column}: ${severity} ${message}`
  );
}

const CASES: readonly (readonly [listeners: string[], routes: string[], findings: string[]])[] = [
  [[TLS], ["backend: app"], []],
  [[PLAIN], ["backend: app"], []],
  [[TLS, PLAIN, REDIRECT], ["backend: app"], []],
  [[TCP, REDIRECT], ["backend: app"], [
    "3:46: error in tcp mode there are no cookies, and route 1 leads here from 127.0.0.1:2: " +
    "take sticky out; balance: source_hash goes by the client's address",
  ]],
  [[TLS, TCP], ["hosts: [a.test], backend: app", "hosts: [b.test], paths: [/], backend: app"], [
    "3:46: error in tcp mode there are no cookies, and route 1 leads here from 127.0.0.1:2: " +
    'paths: ["/"] on that route keeps it for http',
  ]],
  [[TLS, TCP], ['paths: ["/"], backend: app'], []],
  [[TLS, TCP], ["methods: [GET], backend: app"], []],
  [[TLS], ["hosts: [a.test], passthrough: true, backend: app"], [
    "3:46: error connections of route 1 pass through, and show no cookies: take sticky out, " +
    "or give that route another backend",
  ]],
  // cookies are for a host
  [[TLS], ["hosts: [a.test], backend: app", "hosts: [b.test], backend: api"], []],
  [[TLS], ["paths: [/x], backend: app", "backend: web"], []],
  [[TLS], ["hosts: [b.test, a.test], backend: app", "hosts: [a.test], backend: api"], [
    '3:106: warning "app" sets the cookie a for the same host: give each its own, or clients ' +
    "keep neither server",
  ]],
  [[TLS], ["paths: [/x], backend: app", "hosts: [a.test], backend: api"], [
    '3:106: warning "app" sets the cookie a for the same host: give each its own, or clients ' +
    "keep neither server",
  ]],
];

Deno.test("verifyConfig() finds where nothing keeps a client at its server", () => {
  for (const [listeners, routes, found] of CASES) {
    assert.deepEqual(findings(listeners, routes), found, routes.join("\n"));
  }
});
