import assert from "node:assert/strict";
import { loadedConfig } from "../../tests/support/loaded_config.ts";
import { engineOf } from "./snapshot.ts";

const ONE = "{ cert: a, key: b }";

/** What is asked of a listener, what else there is, and the engine with its reason. */
const CASES: readonly (readonly [listener: string, more: string, choice: string])[] = [
  ["", "log: { tls: false }", "deno: the fastest, and it can do all that is needed"],
  ["", "", "node: protocol, cipher and SNI are to be logged"],
  [", engine: node", "log: { tls: false }", "node: asked for"],
  [", engine: deno", "", "deno: asked for"],
  [
    ", tls: { strict_sni: true }",
    "log: { tls: false }",
    "node: unknown names are to be refused",
  ],
  [`, tls: { min_version: "1.3" }`, "log: { tls: false }", "node: a version is asked for"],
  [
    ", mode: tcp",
    "log: { tls: false }",
    "node: a tcp connection that is broken off must not look complete",
  ],
  [
    ", mode: tcp",
    "log: { tls: false }\nroutes: [{ hosts: [a], backend: b }]",
    "node: tcp connections are routed by SNI",
  ],
  [
    "",
    `log: { tls: false }\ncertificates: [${ONE}, ${ONE}]`,
    "node: there is more than one certificate",
  ],
];

Deno.test("engineOf() takes the fastest engine that can do what is needed, and says why", () => {
  for (const [listener, more, choice] of CASES) {
    const certificates = more.includes("certificates:") ? "" : `certificates: [${ONE}]`;
    const { config } = loadedConfig(
      `listeners: [{ listen: ":1"${listener} }]\n${certificates}\n${more}`,
    );
    const [first] = config.listeners;
    assert.ok(first?.kind === "tls");
    const { engine, reason } = engineOf(first, config);
    assert.equal(`${engine}: ${reason}`, choice, `${listener} ${more}`);
  }
});
