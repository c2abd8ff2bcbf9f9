import assert from "node:assert/strict";
import { formatAddress } from "../core/address.ts";
import type { RunningListener } from "../control/listener_set.ts";
import type { DevelopmentFiles } from "../certificates/development_certificate.ts";
import { announce } from "./announce.ts";
import { configFromFlags, DEFAULT_FLAGS, withBackend } from "./flags.ts";

const development: DevelopmentFiles = {
  ca: "certs/development-ca.crt",
  cert: "certs/localhost.crt",
  key: "certs/localhost.key",
  created: true,
};
const listener: RunningListener = {
  address: { host: "127.0.0.1", port: 40443 },
  mode: "http",
  engine: "openssl",
  engineReason: "the log names ciphers",
};
const demoConfig = withBackend(configFromFlags(DEFAULT_FLAGS), [
  { kind: "tcp", host: "127.0.0.1", port: 8 },
]);

Deno.test("announce() says what was filled in and which line to try", () => {
  const lines = announce({
    ...{ config: demoConfig, listeners: [listener], workers: 1 },
    ...{ development, demo: true },
  });
  assert.deepEqual(lines, [
    "listening on 127.0.0.1:40443: http, openssl engine (the log names ciphers)",
    "no --backend: the built-in demo on 127.0.0.1:8",
    "no --cert: the development certificate certs/localhost.crt, made now",
    "try: curl --cacert certs/development-ca.crt https://localhost:40443/",
  ]);
});

Deno.test("announce() says which certificates and backends are configured", () => {
  const config = configFromFlags({
    ...DEFAULT_FLAGS,
    backend: ["127.0.0.1:8000", "[::1]:8001"],
    cert: ["server.crt"],
    key: ["server.key"],
  });
  const lines = announce({
    ...{ config, listeners: [listener], workers: 2 },
    ...{ development: undefined, demo: false },
  });
  assert.deepEqual(lines.slice(1), [
    "workers: 2",
    "backend default: 127.0.0.1:8000, [::1]:8001",
    "certificate: server.crt with server.key",
  ]);
});

Deno.test("announce() says which certificates a CA has yet to give", () => {
  const config = configFromFlags({
    ...DEFAULT_FLAGS,
    backend: ["127.0.0.1:8000"],
    cert: ["a.crt", "b.crt"],
    key: ["a.key", "b.key"],
  });
  const [a, b] = config.certificates;
  assert.ok(a && b);
  const acme = ["a.test", "www.a.test"];
  const lines = announce({
    ...{ config: { ...config, certificates: [{ ...a, acme }, { ...b, acme }] }, workers: 1 },
    ...{ certificates: [{ placeholder: true }, {}], listeners: [listener] },
    ...{ development: undefined, demo: false },
  });
  assert.deepEqual(lines.slice(2), [
    "certificate: none for a.test, www.a.test yet, a CA is asked for it",
    "certificate: b.crt with b.key",
  ]);
});

Deno.test("announce() says what is done without TLS", () => {
  const plain = { ...listener, engine: undefined, engineReason: "" };
  const lines = announce({
    ...{ config: demoConfig, listeners: [plain, { ...plain, mode: "redirect" }], workers: 1 },
    ...{ development: undefined, demo: false },
  });
  assert.deepEqual(lines.slice(0, 2), [
    "listening on 127.0.0.1:40443: plain HTTP by the routes",
    "listening on 127.0.0.1:40443: redirects to https",
  ]);
});

Deno.test("announce() names localhost only where this machine is meant", () => {
  const CASES = [
    ["0.0.0.0", "localhost"],
    ["::", "localhost"],
    ["::1", "localhost"],
    ["127.0.0.2", "127.0.0.2"],
    ["web.internal", "web.internal"],
    ["fe80::1%eth0", "[fe80::1%25eth0]"],
    ["192.0.2.1", "192.0.2.1"],
    ["2001:db8::1", "[2001:db8::1]"],
  ] as const;
  for (const [host, shown] of CASES) {
    const config = configFromFlags({
      ...DEFAULT_FLAGS,
      listen: formatAddress({ host, port: 0 }),
      backend: ["127.0.0.1:8"],
    });
    const listeners = [{ ...listener, address: { host: "192.0.2.7", port: 443 } }];
    const lines = announce({ config, listeners, workers: 1, development, demo: true });
    assert.equal(lines.at(-1), `try: curl --cacert ${development.ca} https://${shown}:443/`);
  }
});

Deno.test("announce() offers no HTTP request where a tcp backend may not understand it", () => {
  const listeners: RunningListener[] = [{ ...listener, mode: "tcp" }];
  const lines = announce({ config: demoConfig, listeners, workers: 1, development, demo: false });
  assert.ok(!lines.some((line) => line.startsWith("try:")));
});
