import assert from "node:assert/strict";
import { parseConfig } from "./parse.ts";
import { verifyConfig } from "./verify.ts";

const OPEN =
  "5:19: warning private keys lie in 10.0.0.9:6379, and whoever reaches it reads them: " +
  "give it a password, and its file as password_file";

const CASES: readonly (readonly [cluster: string, findings: readonly string[]])[] = [
  ['{ redis: "10.0.0.9:6379" }', [OPEN]],
  ['{ redis: "10.0.0.9:6379", tls: true }', [OPEN]],
  ['{ redis: "10.0.0.9:6379", password_file: pw }', []],
  ['{ redis: "127.0.0.1:6379" }', []],
  ['{ redis: "localhost:6379" }', []],
  ['{ redis: "10.0.0.9:6379", password_file: pw, tls: true, ca_file: ca }', []],
  ['{ redis: "10.0.0.9:6379", password_file: pw, ca_file: ca }', [
    '5:64: warning "ca_file" means nothing without "tls: true"',
  ]],
];

Deno.test("verifyConfig() warns of a Redis with keys that anybody may read, or without the TLS that is meant", () => {
  for (const [cluster, findings] of CASES) {
    const text = `listeners: [{ listen: "127.0.0.1:1" }]
certificates: [{ cert: a, key: b }]
backends: { app: { servers: ["h:1"] } }
routes: [{ backend: app }]
cluster: ${cluster}
`;
    const file = parseConfig({ path: "p.yaml", text });
    assert.ok(file.config !== undefined, text);
    const found = verifyConfig(file.config, file).map(({ severity, place, message }) =>
      `${place.line}:${place.column}: ${severity} ${message}`
    );
    assert.deepEqual(found, findings, cluster);
  }
});
