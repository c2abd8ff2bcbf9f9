import assert from "node:assert/strict";
import { startNamed, unusedPort } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { ConfigFile } from "./support/config_file.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import type { TestConnection } from "./support/connection.ts";
import { eventually, PROGRAM_MS, within } from "./support/deadline.ts";
import { encodeRequest, readAnswer } from "./support/http.ts";
import { Lines } from "./support/lines.ts";
import { ENGINES, proxyArgs } from "./support/start_proxy.ts";
import { connectTcp, connectTls } from "./support/tls_client.ts";
import { runOk } from "./support/tools.ts";

for (const engine of ENGINES) {
  Deno.test(`listeners serve again once there are descriptors, and admin goes on without (${engine})`, async () => {
    await using backend = await startNamed("app");
    const { ec } = await testCertificates();
    const [port, redirect, admin] = [await unusedPort(), await unusedPort(), await unusedPort()];
    await using config = await ConfigFile.create(`
listeners:
  - { listen: "127.0.0.1:${port}", engine: ${engine} }
  - { listen: "127.0.0.1:${redirect}", redirect: https }
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends:
  app:
    servers: ["${backend.address}"]
    health: { type: tcp, interval: 200ms, fast_interval: 100ms, timeout: 20s, fall: 1 }
routes: [{ backend: app }]
admin: { listen: "127.0.0.1:${admin}" }
`);
    await using proxy = await startConfigured(config);
    const asked = async (path: string) => {
      const { status, body } = await fetch(`http://127.0.0.1:${admin}${path}`);
      await body?.cancel();
      return status;
    };
    const room = 60;
    const limit = await proxy.openFiles() + room;
    await runOk("prlimit", ["--pid", `${proxy.pid}`, `--nofile=${limit}:${limit}`]);
    assert.equal(await asked("/readyz"), 200);

    const silent = await connections(redirect, 4 * room);
    await proxy.log.first(
      / warning listener trouble listen=.* reason="(?:Too many open files|No file)/,
    );
    await eventually(async () => await asked("/readyz") === 503 || undefined, "it to be not ready");
    for (const path of ["/healthz", "/metrics", "/status"]) assert.equal(await asked(path), 200);
    const told = () => proxy.log.matching(/ listener trouble /).length;
    // of each of two listeners, in each of two threads
    assert.ok(told() <= 4, proxy.log.text);
    // to TLS as well: whoever comes now waits
    silent.push(...await connections(port, 10), ...await connections(admin, 4 * room));
    assert.equal(await asked("/readyz"), 503);

    for (const client of silent) client.close();
    await within(serves(port), "the TLS listener");
    using plain = await connectTcp(redirect);
    await plain.write(encodeRequest("/"));
    assert.equal((await readAnswer(plain)).status, 308);
    await eventually(async () => await asked("/readyz") === 200 || undefined, "it to be ready");
    assert.ok(told() <= 8, proxy.log.text);
    // that there was no room for a connection to it says nothing of the server
    assert.deepEqual(proxy.log.matching(/ server (?:down|failed|ejected) /), []);
  });
}

Deno.test("a certificate that came while there were no descriptors is served once there are", async () => {
  await using backend = await startNamed("app");
  const { ec, rsa } = await testCertificates();
  const port = await unusedPort();
  await using config = await ConfigFile.create("");
  await config.putCertificate("a", ec);
  await config.write(`
listeners: [{ listen: "127.0.0.1:0" }, { listen: "127.0.0.1:${port}", redirect: https }]
certificates: [{ cert: a.crt, key: a.key }]
backends: { app: { servers: ["${backend.address}"] } }
routes: [{ backend: app }]
workers: 1
`);
  await using proxy = await startConfigured(config);
  const room = 20;
  const limit = await proxy.openFiles() + room;
  await runOk("prlimit", ["--pid", `${proxy.pid}`, `--nofile=${limit}:${limit}`]);
  const silent = await connections(port, 4 * room);
  await proxy.log.first(/ warning listener trouble /);
  await config.putCertificate("a", rsa);
  await proxy.says.first(/^tls-proxy: not reloaded \(changed certificate files\): /);
  assert.match(proxy.says.text, /too many open files/i);
  for (const client of silent) client.close();
  await proxy.says.first(
    /^tls-proxy: reloaded \(changed certificate files\): 1 certificate changed/,
    PROGRAM_MS,
  );
});

Deno.test("a limit of open files that is too low for the connections is told at start", async () => {
  const { ec } = await testCertificates();
  await using config = await ConfigFile.create(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { app: { servers: ["127.0.0.1:9"] } }
routes: [{ backend: app }]
limits: { connections: 200 }
`);
  const child = new Deno.Command("prlimit", {
    args: ["--nofile=300", Deno.execPath(), ...proxyArgs(["--config", config.path])],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const says = new Lines(child.stderr);
  const warning = /^tls-proxy: warning: this process may have 300 open files only, and limits/;
  await says.first(warning, PROGRAM_MS);
  await says.first(/listening on/, PROGRAM_MS);
  child.kill("SIGTERM");
  assert.equal((await within(child.status, "its end")).code, 0);
  await says.ended;
});

function connections(port: number, count: number): Promise<TestConnection[]> {
  return Promise.all(Array.from({ length: count }, () => connectTcp(port)));
}

async function serves(port: number): Promise<void> {
  using client = await connectTls(port);
  await client.write(encodeRequest("/"));
  assert.equal((await readAnswer(client)).body, "app");
}
