import assert from "node:assert/strict";
import { loadedConfig } from "../../tests/support/loaded_config.ts";
import { resolveRequest } from "./resolve.ts";

const loaded = loadedConfig(`
listeners: [{ listen: ":1" }]
certificates:
  - { cert: a.test.crt, key: k }
  - { cert: "*.b.test.crt", key: k }
backends: { one: { servers: ["h:1"] }, two: { servers: ["h:2"] } }
routes:
  - { hosts: [a.test], paths: [/x], backend: two }
  - { hosts: [a.test, "*.b.test"], backend: one }
`);

/** Who asks for what, and what it comes to: certificate, match, then route and backend. */
const CASES: readonly (readonly [
  sni: string | undefined,
  host: string | undefined,
  path: string | undefined,
  outcome: string,
])[] = [
  ["a.test", "a.test", "/", "a.test.crt exact 1 one"],
  ["a.test", "a.test", "/x/y", "a.test.crt exact 0 two"],
  ["c.b.test", "c.b.test", "/", "*.b.test.crt wildcard 1 one"],
  [undefined, "a.test", "/", "a.test.crt default 1 one"],
  ["nobody", "a.test", "/", "a.test.crt default 1 one"],
  ["a.test", "nobody", "/", "a.test.crt exact no_route"],
  ["a.test", "c.b.test", "/", "a.test.crt exact misdirected"],
  // in tcp mode the name in the handshake is all there is
  ["a.test", undefined, undefined, "a.test.crt exact 1 one"],
  ["nobody", undefined, undefined, "a.test.crt default no_route"],
];

Deno.test("resolveRequest() says what becomes of a request", () => {
  for (const [sni, host, path, outcome] of CASES) {
    const found = resolveRequest(loaded, {
      ...{ sni, host, path, strictSni: false, seesCertificate: true },
    });
    assert.ok("certificate" in found);
    const { certificate: { certificate, match } } = found;
    const end = found.kind === "route" ? `${found.route} ${found.found.backend}` : found.kind;
    assert.equal(`${certificate.label} ${match} ${end}`, outcome, `${sni} ${host}${path}`);
  }
});

Deno.test("resolveRequest() refuses an unknown name when names are strict, but not none", () => {
  const ask = (sni: string | undefined) =>
    resolveRequest(loaded, {
      ...{ sni, host: "a.test", path: "/", strictSni: true, seesCertificate: true },
    }).kind;
  assert.equal(ask("nobody"), "refused_name");
  assert.equal(ask("a.test"), "route");
  assert.equal(ask(undefined), "route");
});
