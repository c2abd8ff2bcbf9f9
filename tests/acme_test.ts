import assert from "node:assert/strict";
import { startNamed, unusedPort } from "./support/backends.ts";
import { ConfigFile } from "./support/config_file.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { eventually } from "./support/deadline.ts";
import { type Pebble, startPebble } from "./support/pebble.ts";
import { run } from "./support/tools.ts";

/** A configuration whose certificates are the CA's; tokens are answered where it looks. */
function acmeYaml(
  { directory, caFile, httpPort }: Pebble,
  { https, backend, names, more = {} }: {
    https: number;
    backend: string;
    names: readonly string[];
    more?: Record<string, unknown>;
  },
): string {
  return JSON.stringify({
    listeners: [
      { listen: `127.0.0.1:${https}` },
      { listen: `127.0.0.1:${httpPort}`, redirect: "https" },
    ],
    certificates: [{ acme: names }],
    acme: { directory, accept_terms: true, email: "ops@example.com", ca_file: caFile, ...more },
    backends: { site: { servers: [backend] } },
    routes: [{ backend: "site" }],
  });
}

/** What curl gets for a name, trusting the CA alone. */
async function get(name: string, port: number, rootFile: string) {
  return await run("curl", [
    ...["-s", "--max-time", "20", "--cacert", rootFile],
    ...["--resolve", `${name}:${port}:127.0.0.1`, `https://${name}:${port}/`],
  ]);
}

Deno.test("from nothing to a certificate that is served, by http-01 and two workers", async () => {
  await using pebble = await startPebble({ badNonces: 50 });
  await using backend = await startNamed("site");
  const https = await unusedPort();
  const names = ["www.example.test", "example.test"];
  await using config = await ConfigFile.create(
    acmeYaml(pebble, { https, backend: backend.address, names }),
  );
  const root = `${config.folder}/root.pem`;
  await Deno.writeTextFile(root, await pebble.root());
  await using proxy = await startConfigured(config, {
    grants: [`--allow-write=${config.folder}/acme`],
  });
  await proxy.log.first(/certificate obtained .*names=www\.example\.test,example\.test/);
  const served = await eventually(async () => {
    const { code, stdout } = await get("example.test", https, root);
    return code === 0 ? stdout : undefined;
  }, () => proxy.log.text);
  assert.match(served, /site/);
  const folder = `${config.folder}/acme/www.example.test`;
  assert.equal(((await Deno.stat(`${folder}/privkey.pem`)).mode ?? 0) & 0o777, 0o600);
  // nothing that was pending is answered any more, and nothing else ever was
  const { stdout } = await run("curl", [
    ...["-s", "-o", "/dev/null", "-w", "%{http_code}"],
    `http://127.0.0.1:${pebble.httpPort}/.well-known/acme-challenge/unknown`,
  ]);
  assert.equal(stdout, "308");
  // no key stands in the log
  assert.doesNotMatch(proxy.log.text + proxy.says.text, /PRIVATE KEY/);
});
