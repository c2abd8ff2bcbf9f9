import assert from "node:assert/strict";
import { parseConfig } from "./parse.ts";
import { verifyConfig } from "./verify.ts";

const TLS = '{ listen: "127.0.0.1:1" }';
const PLAIN = '{ listen: "127.0.0.1:3", tls: false }';
const REDIRECT = '{ listen: "127.0.0.1:4", redirect: https }';

const HSTS = "response_headers: { set: { strict-transport-security: max-age=1 } }";

function findings(listeners: readonly string[], route: string): string[] {
  const text = `listeners: [${listeners.join(", ")}]
certificates: [{ cert: a, key: b }]
backends: { app: { servers: ["h:1"] } }
routes: [{ backend: app, paths: [/app] }, { ${route} }]
`;
  const file = parseConfig({ path: "p.yaml", text });
  assert.ok(file.config !== undefined, text);
  return verifyConfig(file.config, file).map(({ severity, place, message }) =>
    `${place.line}:${place.column}: ${severity} ${message}`
  );
}

const WITHOUT_TLS = "warning 127.0.0.1:3 serves this route without TLS, where " +
  'Strict-Transport-Security means nothing: write "redirect: https" there in the place of ' +
  '"tls: false"';

const CASES: readonly (readonly [listeners: string[], route: string, findings: string[]])[] = [
  [[TLS, REDIRECT], `backend: app, ${HSTS}`, []],
  // then TLS is ended by who is in front
  [[PLAIN], `backend: app, ${HSTS}`, []],
  [[TLS, PLAIN], "backend: app, response_headers: { remove: [Strict-Transport-Security] }", []],
  [[TLS, PLAIN], `hosts: [a.test], redirect: { to: "https://b.test{path}" }, ${HSTS}`, []],
  [[TLS, PLAIN], `backend: app, ${HSTS}`, [`4:77: ${WITHOUT_TLS}`]],
  [[PLAIN, TLS], `backend: app, ${HSTS.replace("set", "add")}`, [`4:77: ${WITHOUT_TLS}`]],
  [[TLS, PLAIN], `hosts: [a.test], respond: { status: 200 }, ${HSTS}`, [`4:106: ${WITHOUT_TLS}`]],
];

Deno.test("verifyConfig() finds where browsers are told of TLS without TLS", () => {
  for (const [listeners, route, found] of CASES) {
    assert.deepEqual(findings(listeners, route), found, `${listeners.join()}: ${route}`);
  }
});
