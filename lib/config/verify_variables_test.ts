import assert from "node:assert/strict";
import { parseConfig } from "./parse.ts";
import { verifyConfig } from "./verify.ts";

const AS_IT_STANDS = "is sent as it stands: here variables are in braces, as {client}";

const CASES: readonly (readonly [keys: string, findings: string[]])[] = [
  [
    'backend: app, request_headers: { set: { X-Real-IP: $remote_addr }, add: { X-A: "%[src]" } }',
    [`3:63: warning "$remote_addr" ${AS_IT_STANDS}`, `3:91: warning "%[src]" ${AS_IT_STANDS}`],
  ],
  [
    'backend: app, response_headers: { set: { X-Id: "{id}-$request_id" } }',
    [`3:59: warning "$request_id" ${AS_IT_STANDS}`],
  ],
  [
    'redirect: { to: "https://a.test/x$request_uri" }',
    [`3:28: warning "$request_uri" ${AS_IT_STANDS}`],
  ],
  // what may be meant as it is
  ['backend: app, request_headers: { set: { A: "US$ 5, 100%", B: "{client} $1" } }', []],
  ['respond: { body: "$host" }', []],
];

Deno.test("verifyConfig() warns of variables that are those of other proxies", () => {
  for (const [keys, found] of CASES) {
    const text = `listeners: [{ listen: "127.0.0.1:3", tls: false }]
backends: { app: { servers: ["h:1"] } }
routes: [{ ${keys} }, { paths: [/b], backend: app }]
`;
    const file = parseConfig({ path: "p.yaml", text });
    assert.ok(file.config !== undefined, `${text}${JSON.stringify(file.problems)}`);
    const findings = verifyConfig(file.config, file)
      .filter(({ message }) => message.includes("sent as it stands"))
      .map(({ severity, place, message }) =>
        `${place.line}:${place.column}: ${severity} ${message}`
      );
    assert.deepEqual(findings, found, text);
  }
});
