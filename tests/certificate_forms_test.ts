import assert from "node:assert/strict";
import { ask } from "./support/ask.ts";
import { startNamed } from "./support/backends.ts";
import { fingerprintOf, testCertificates } from "./support/certificates.ts";
import { ConfigFile } from "./support/config_file.ts";
import { reload } from "./support/configured_proxy.ts";
import { openssl } from "./support/openssl.ts";
import { NotStarted, runCommand, startProxy } from "./support/start_proxy.ts";

const { ec, ca } = await testCertificates();

Deno.test("what the deno engine would not serve is told by check, at start and by a reload", async () => {
  await using backend = await startNamed("one");
  await using file = await ConfigFile.create(yamlFor(backend.address, "deno"));
  await file.putCertificate("a", ec);
  const cert = `${file.folder}/a.crt`;
  await using proxy = await file.start();
  await openssl(
    ...["req", "-x509", "-key", ec.key, "-subj", "/CN=localhost", "-out", `${cert}.new`],
    ...["-addext", "1.2.3.4=critical,ASN1:UTF8String:x"],
  );
  // so that nobody reads a half
  await Deno.rename(`${cert}.new`, cert);
  const reason = `Cannot read the certificate: the deno engine does not serve ${cert}: it has a ` +
    "critical extension that is not known";
  await proxy.says.first(/^tls-proxy: not reloaded \(changed certificate files\): /);
  assert.ok(proxy.says.all.includes(`tls-proxy: ${reason}`), proxy.says.text);
  assert.match(await reload(proxy), /^tls-proxy: not reloaded \(SIGHUP\): /);
  assert.ok(proxy.says.all.includes(`tls-proxy: ${file.path}:3:24: ${reason}`), proxy.says.text);
  assert.equal((await ask(proxy.port, { sni: "localhost" })).fingerprint, await fingerprintOf(ec));

  const checked = await runCommand(["check", "--config", file.path]);
  assert.equal(checked.code, 1);
  assert.match(checked.stderr, new RegExp(`:3:24: ${RegExp.escape(reason)}\n`));
  const flags = ["--listen", "127.0.0.1:0", "--engine", "deno", "--backend", backend.address];
  for (const start of [["--config", file.path], [...flags, "--cert", cert, "--key", ec.key]]) {
    const failed = await startProxy(start).catch((error) => error);
    assert.ok(failed instanceof NotStarted, String(failed));
    assert.equal(failed.code, 1);
    assert.ok(failed.says.some((line) => line.endsWith(reason)), failed.says.join("\n"));
  }
});

Deno.test("a chain in OpenSSL's own form and a key under another's label serve", async () => {
  await using backend = await startNamed("one");
  await using file = await ConfigFile.create(yamlFor(backend.address, "auto"));
  const [leaf, issuer] = await Promise.all(
    [ec.cert, ca].map((cert) =>
      openssl("x509", "-in", cert, "-trustout", "-addtrust", "serverAuth")
    ),
  );
  await Deno.writeTextFile(`${file.folder}/a.crt`, `${leaf}${issuer}`);
  const key = await openssl("ec", "-in", ec.key);
  await Deno.writeTextFile(
    `${file.folder}/a.key`,
    key.replaceAll("EC PRIVATE", "PRIVATE").replaceAll("\n", "  \n"),
  );
  const checked = await runCommand(["check", "--config", file.path]);
  assert.equal(checked.code, 0, checked.stderr);
  await using proxy = await file.start();
  const shown = await openssl(
    ...["s_client", "-connect", `127.0.0.1:${proxy.port}`, "-servername", "localhost"],
    ...["-showcerts", "-verify_return_error", "-CAfile", ca],
  );
  assert.equal(shown.split("-----BEGIN CERTIFICATE-----").length - 1, 2);
});

function yamlFor(server: string, engine: string): string {
  return `
listeners: [{ listen: "127.0.0.1:0", engine: ${engine} }]
certificates: [{ cert: a.crt, key: a.key }]
backends: { one: { servers: ["${server}"] } }
routes: [{ backend: one }]`;
}
