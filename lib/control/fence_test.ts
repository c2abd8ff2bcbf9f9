import assert from "node:assert/strict";
import { loadedConfig } from "../../tests/support/loaded_config.ts";
import { neededGrants } from "./fence.ts";

Deno.test("neededGrants() says which package brings OpenSSL where it takes it and there is none", () => {
  const { config } = loadedConfig(`
listeners: [{ listen: "127.0.0.1:8443", engine: openssl }]
certificates: [{ cert: a.crt, key: a.key }]
backends: { a: { servers: ["127.0.0.1:8000"] } }
routes: [{ backend: a }]
`);
  // where it is not looked for
  const platform = { os: "windows", arch: "x86_64", env: "msvc" } as const;
  assert.throws(
    () => neededGrants(config, { configFile: "/etc/proxy.yaml", platform, program: [] }),
    /^ProxyError: The openssl engine cannot be used: .* not installed: the package is libssl3 /,
  );
});
