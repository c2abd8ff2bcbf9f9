import assert from "node:assert/strict";
import { startEcho, startHttp } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { sClient } from "./support/engine_looks.ts";
import { resumes, sessionFile } from "./support/resumption.ts";
import { run } from "./support/tools.ts";

/** What becomes of sessions beyond one worker and one name; see also `conformance_test.ts`. */

/** Connections that are dealt out to the workers by chance. */
const CONNECTIONS = 8;

Deno.test("a ticket of one worker resumes with every other", async () => {
  await using backend = await startHttp();
  const { ec } = await testCertificates();
  await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0", engine: openssl }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ backend: a }]
workers: 4
`);
  for (const version of ["-tls1_2", "-tls1_3"]) {
    await using session = await sessionFile();
    assert.equal(await resumes(proxy.port, [version, "-sess_out", session.path]), "New");
    for (let i = 0; i < CONNECTIONS; i++) {
      assert.equal(await resumes(proxy.port, [version, "-sess_in", session.path]), "Reused");
    }
  }
});

Deno.test("a session resumes under another name where the certificate is for both", async () => {
  await using backend = await startHttp();
  const { ec, api } = await testCertificates();
  await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0", engine: openssl }]
certificates:
  - { cert: ${ec.cert}, key: ${ec.key} }
  - { cert: ${api.cert}, key: ${api.key} }
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ backend: a }]
workers: 1
`);
  for (const version of ["-tls1_2", "-tls1_3"]) {
    await using session = await sessionFile();
    const ask = (name: string, flag: string) =>
      resumes(proxy.port, [version, "-servername", name, flag, session.path]);
    assert.equal(await ask("localhost", "-sess_out"), "New");
    assert.equal(await ask("localhost", "-sess_in"), "Reused");
    // both get the default
    assert.equal(await ask("other.test", "-sess_in"), "Reused");
    assert.equal(await ask("api.example.test", "-sess_in"), "New");
  }
});

Deno.test("in tcp mode what is offered by ALPN is agreed on, and nothing else", async () => {
  await using echo = await startEcho();
  const { ec } = await testCertificates();
  await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0", mode: tcp, alpn: [postgresql, imap] }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { a: { servers: ["${echo.address}"] } }
routes: [{ backend: a }]
workers: 1
`);
  const agreed = async (flags: readonly string[]) => {
    const { stdout, stderr } = await run("openssl", sClient(proxy.port, flags), { input: "" });
    return /^ALPN protocol: (.*)$/m.exec(stdout)?.[1] ??
      /SSL alert number (\d+)/.exec(stderr)?.[1] ?? "none";
  };
  assert.equal(await agreed(["-alpn", "imap,postgresql"]), "postgresql");
  assert.equal(await agreed(["-alpn", "imap"]), "imap");
  assert.equal(await agreed(["-alpn", "h2"]), "120");
  assert.equal(await agreed([]), "none");
});
