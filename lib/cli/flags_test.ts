import assert from "node:assert/strict";
import { tlsListener } from "../../tests/support/tls_listener.ts";
import { DEFAULT_CONFIG, routeTo } from "../config/defaults.ts";
import { SERVER_DEFAULTS } from "../config/backend_schema.ts";
import { configFromFlags, DEFAULT_FLAGS, type Flags, UsageError } from "./flags.ts";

Deno.test("configFromFlags() leaves certificate and backend open when no flag is given", () => {
  const config = configFromFlags(DEFAULT_FLAGS);
  assert.deepEqual(config.listeners, [
    tlsListener({ listen: { host: "127.0.0.1", port: 8443 }, mode: "http", engine: "auto" }),
  ]);
  assert.deepEqual(config.certificates, []);
  assert.equal(config.backends.size, 0);
  assert.deepEqual(config.routes, []);
  assert.deepEqual(config.log, DEFAULT_CONFIG.log);
});

Deno.test("configFromFlags() takes every flag over", () => {
  const config = configFromFlags({
    listen: "[::]:443",
    backend: ["127.0.0.1:8000", "[::1]:8001"],
    cert: ["a.crt", "b.crt"],
    key: ["a.key", "b.key"],
    mode: "tcp",
    engine: "openssl",
    logLevel: "error",
    accessLog: false,
    tlsLog: false,
  });
  assert.deepEqual(config.listeners, [
    tlsListener({ listen: { host: "::", port: 443 }, mode: "tcp", engine: "openssl" }),
  ]);
  assert.deepEqual(config.certificates, [
    { cert: "a.crt", key: "a.key", passphraseFile: undefined, hosts: undefined, default: false },
    { cert: "b.crt", key: "b.key", passphraseFile: undefined, hosts: undefined, default: false },
  ]);
  assert.deepEqual(config.backends.get("default")?.servers, [
    { address: { kind: "tcp", host: "127.0.0.1", port: 8000 }, ...SERVER_DEFAULTS },
    { address: { kind: "tcp", host: "::1", port: 8001 }, ...SERVER_DEFAULTS },
  ]);
  assert.deepEqual(config.routes, [routeTo("default")]);
  assert.deepEqual(config.log, {
    ...DEFAULT_CONFIG.log,
    level: "error",
    access: false,
    tls: false,
  });
});

Deno.test("configFromFlags() takes sockets and names as backends", () => {
  const backend = ["unix:/run/app.sock", "dns:api.internal:80"];
  const config = configFromFlags({ ...DEFAULT_FLAGS, backend });
  assert.deepEqual(config.backends.get("default")?.servers.map(({ address }) => address), [
    { kind: "unix", path: "/run/app.sock" },
    { kind: "dns", host: "api.internal", port: 80 },
  ]);
});

Deno.test("configFromFlags() takes a backend without a certificate", () => {
  const config = configFromFlags({ ...DEFAULT_FLAGS, backend: ["127.0.0.1:8000"] });
  assert.deepEqual(config.certificates, []);
  assert.equal(config.backends.size, 1);
});

const WRONG: readonly [flags: Partial<Flags>, message: RegExp][] = [
  [{ listen: "8443" }, /^--listen: "8443" is not an address/],
  [{ listen: "127.0.0.1:99999" }, /^--listen: .*at most 65535/],
  [{ backend: ["localhost"] }, /^--backend: "localhost" is not an address/],
  [{ backend: ["127.0.0.1:0"] }, /^--backend: "127\.0\.0\.1:0": a server needs a port$/],
  [{ backend: ["unix:app.sock"] }, /^--backend: "unix:app\.sock": the path .* begins with \//],
  [{ backend: ["a:1"], cert: ["a.crt"] }, /^--cert and --key .* 1 of --cert and 0 of --key$/],
  [{ key: ["a.key"] }, /^--cert and --key .* 0 of --cert and 1 of --key$/],
  [{ cert: ["a.crt"], key: ["a.key"] }, /^--backend is missing/],
  [{ backend: ["a:1"], cert: [""], key: ["a.key"] }, /^--cert is empty: say which file$/],
  [{ backend: ["a:1"], cert: ["a.crt"], key: [""] }, /^--key is empty: say which file$/],
];

Deno.test("configFromFlags() refuses flags that make no sense", () => {
  for (const [flags, message] of WRONG) {
    assert.throws(() => configFromFlags({ ...DEFAULT_FLAGS, ...flags }), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, message);
      return true;
    });
  }
});
