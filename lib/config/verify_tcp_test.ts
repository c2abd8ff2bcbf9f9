import assert from "node:assert/strict";
import { parseConfig } from "./parse.ts";
import { verifyConfig } from "./verify.ts";

const TLS = '{ listen: "127.0.0.1:1" }';
const TCP = '{ listen: "127.0.0.1:2", mode: tcp }';
const REDIRECT = '{ listen: "127.0.0.1:3", redirect: https }';

const CASES: readonly (readonly [listeners: string[], route: string, found: string[]])[] = [
  [[TLS, REDIRECT], "backend: a, allow: [10.0.0.0/8]", []],
  [[TCP, REDIRECT], "backend: a", []],
  [[TCP, REDIRECT], "backend: a, allow: [10.0.0.0/8]", [
    '5:26: error "allow" cannot hold for what comes in tcp mode from 127.0.0.1:2: take it out',
  ]],
  [
    [TLS, TCP],
    "backend: a, deny: [10.0.0.1], rate_limit: { requests: 1/s }, basic_auth: { file: f }",
    [
      ["5:25", "deny"],
      ["5:49", "rate_limit"],
      ["5:80", "basic_auth"],
    ].map(([place, key]) =>
      `${place}: error "${key}" cannot hold for what comes in tcp mode from 127.0.0.1:2: ` +
      'paths: ["/"] on this route keeps it for http'
    ),
  ],
  [[TLS, TCP], 'backend: a, paths: ["/"], allow: [10.0.0.0/8]', []],
  [[TLS, TCP], "backend: a, methods: [GET], allow: [10.0.0.0/8]", []],
  [[TLS, TCP], "respond: { body: x }, allow: [10.0.0.0/8]", []],
];

Deno.test("verifyConfig() finds rules of access that nobody would ask in tcp mode", () => {
  for (const [listeners, route, found] of CASES) {
    const text = `listeners: [${listeners.join(", ")}]
certificates: [{ cert: a, key: b }]
backends: { a: { servers: ["h:1"] } }
routes:
  - { ${route} }
`;
    const file = parseConfig({ path: "p.yaml", text });
    assert.ok(file.config !== undefined, text);
    const findings = verifyConfig(file.config, file)
      .filter(({ severity }) => severity === "error")
      .map(({ severity, place, message }) =>
        `${place.line}:${place.column}: ${severity} ${message}`
      );
    assert.deepEqual(findings, found, route);
  }
});
