import assert from "node:assert/strict";
import { loadedConfig } from "../../tests/support/loaded_config.ts";
import { engineOf } from "./listener_engine.ts";

const ONE = "{ cert: a, key: b }";
/** Of certificates that a CA is to give. */
const ACME = "certificates: [{ acme: [a.test] }]\nacme: { accept_terms: true }";
const BEST = "openssl: the best there is here, it does all that can be asked";

/** What is asked of a listener, what else there is, and the engine where both can run. */
const CASES: readonly (readonly [listener: string, more: string, choice: string])[] = [
  ["", "", BEST],
  [", mode: tcp", "log: { tls: false }", BEST],
  [", engine: openssl", "", "openssl: asked for"],
  [", engine: deno", "", "deno: asked for"],
  [
    ", engine: deno",
    `certificates: [${ONE}, ${ONE}]`,
    "deno: asked for; not done without it: clients whose hello comes in several packets are",
  ],
];

/** The same where OpenSSL cannot be called. */
const WITHOUT: readonly (readonly [listener: string, more: string, choice: string])[] = [
  ["", "log: { tls: false }", "deno: it is gone"],
  ["", "", "deno: it is gone; not done without it: protocol, cipher and SNI are to be logged"],
  [", engine: deno", "", "deno: asked for"],
  [", tls: { strict_sni: true }", "", "unknown names are to be refused (strict_sni): it takes"],
  [`, tls: { min_version: "1.3" }`, "", "a version is asked for (min_version): it takes"],
  [
    ", mode: tcp",
    "log: { tls: false }",
    "deno: it is gone; not done without it: a tcp connection that is broken off must not look " +
    "complete",
  ],
  [", mode: tcp", "routes: [{ hosts: [a], backend: b }]", "tcp connections are routed by SNI"],
  [
    "",
    `log: { tls: false }\ncertificates: [${ONE}, ${ONE}]`,
    "deno: it is gone; not done without it: sessions are to be resumed, clients whose hello",
  ],
  [
    "",
    `log: { tls: false }\nroutes: [{ redirect: { to: "https://a/{sni}" } }]`,
    "deno: it is gone; not done without it: {sni} in rules is to be the name of the handshake",
  ],
  [
    ", engine: deno",
    `routes: [{ backend: b, request_headers: { add: { A: "{sni}" } } }]`,
    "deno: asked for; not done without it: {sni} in rules is to be the name of the handshake",
  ],
  ["", ACME, "a CA looks by tls-alpn-01 whose the names are (authority_answer): it takes"],
  [` }, { listen: ":2", redirect: https`, ACME, "deno: it is gone; not done without it: protocol"],
  [", engine: deno }, { listen: ':2'", ACME, "deno: asked for"],
  [", engine: openssl", "", "The openssl engine cannot be used: it is gone"],
];

Deno.test("engineOf() takes the best engine that there is, and says why", () => {
  for (const [cases, openssl] of [[CASES, undefined], [WITHOUT, "it is gone"]] as const) {
    for (const [listener, more, choice] of cases) {
      const certificates = more.includes("certificates:") ? "" : `certificates: [${ONE}]`;
      const { config } = loadedConfig(
        `listeners: [{ listen: ":1"${listener} }]\n${certificates}\n${more}`,
      );
      const [first] = config.listeners;
      assert.ok(first?.kind === "tls");
      let said: string;
      try {
        const { engine, reason } = engineOf(first, config, {
          openssl: { unavailable: openssl },
          deno: {},
        });
        said = `${engine}: ${reason}`;
      } catch (error) {
        said = error instanceof Error ? error.message : String(error);
      }
      assert.ok(said.startsWith(choice), `${listener} ${more}: ${said}`);
    }
  }
});
