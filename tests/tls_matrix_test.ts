import assert from "node:assert/strict";
import { CIPHER_SUITES, GROUP_NAMES, opensslGroup } from "../lib/core/cipher_suites.ts";
import { startHttp } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { sClient } from "./support/engine_looks.ts";
import { encodeAnswer } from "./support/http.ts";
import { sessionFile } from "./support/resumption.ts";
import { run } from "./support/tools.ts";

/** Every cipher suite with every group of the system's OpenSSL, and hellos of every size. */

const REQUEST = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/** Both kinds of keys for one name, so that every suite has a certificate. */
async function startProxy(backend: string) {
  const { ec, rsa } = await testCertificates();
  return await startConfigured(`
listeners: [{ listen: "127.0.0.1:0", engine: openssl, tls: {
  ciphers: [${CIPHER_SUITES.map(({ name }) => name)}], groups: [${await knownGroups()}] } }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }, { cert: ${rsa.cert}, key: ${rsa.key} }]
backends: { a: { servers: ["${backend}"] } }
routes: [{ backend: a }]
workers: 1
`);
}

/** Those that the library here has: hybrids with ML-KEM came with OpenSSL 3.5. */
async function knownGroups(): Promise<readonly string[]> {
  const known: string[] = [];
  for (const name of GROUP_NAMES) {
    const group = opensslGroup(name) ?? "";
    const { stderr } = await run("openssl", ["s_client", "-groups", group, "-connect", "."]);
    if (!stderr.includes("Call to SSL_CONF_cmd(-groups")) known.push(name);
  }
  return known;
}

interface Spoken {
  readonly code: number;
  readonly answer: string | undefined;
  readonly cipher: string | undefined;
  readonly begun: string | undefined;
}

/** Makes one request, and tells what was agreed on. */
async function speak(port: number, flags: readonly string[]): Promise<Spoken> {
  const args = sClient(port, ["-servername", "localhost", "-ign_eof", ...flags]);
  const { code, stdout } = await run("openssl", args, { input: REQUEST });
  const [, begun, cipher] = /^(New|Reused), \S+ Cipher is (\S+)$/m.exec(stdout) ?? [];
  return { code, answer: /^HTTP\/1\.1 \d+/m.exec(stdout)?.[0], cipher, begun };
}

Deno.test("every cipher suite is served with every group, and resumed", async () => {
  await using backend = await startHttp();
  await using proxy = await startProxy(backend.address);
  const groups = await knownGroups();
  assert.ok(groups.length >= 5, groups.join());
  for (const { name, openssl, version } of CIPHER_SUITES) {
    const is13 = version === "TLSv1.3";
    const asked = is13 ? ["-tls1_3", "-ciphersuites", openssl] : ["-tls1_2", "-cipher", openssl];
    for (const group of groups) {
      // TLS 1.2 has no way to agree on a hybrid
      if (!is13 && group.includes("mlkem")) continue;
      // with TLS 1.2 it has to be a group of the certificate's key too (RFC 8422, section 5.1)
      const needsP256 = name.includes("_ECDSA_") && group !== "secp256r1";
      const offered = `${opensslGroup(group)}${needsP256 ? ":P-256" : ""}`;
      const flags = [...asked, "-groups", offered];
      await using session = await sessionFile();
      const first = await speak(proxy.port, [...flags, "-sess_out", session.path]);
      const told = `${name} with ${group}`;
      assert.deepEqual(first, {
        code: 0,
        answer: "HTTP/1.1 200",
        cipher: openssl,
        begun: "New",
      }, told);
      const second = await speak(proxy.port, [...flags, "-sess_in", session.path]);
      assert.deepEqual(second, { ...first, begun: "Reused" }, told);
      const agreed = needsP256 ? "" : `.* group=${group} `;
      await proxy.log.first(RegExp(` handshake .* cipher=${name} ${agreed}`));
    }
  }
});

Deno.test("a client is served though it first offers a key of another group", async () => {
  await using backend = await startHttp();
  const { ec } = await testCertificates();
  await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0", engine: openssl, tls: { groups: [secp384r1] } }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ backend: a }]
workers: 1
`);
  const { code, answer } = await speak(proxy.port, ["-tls1_3", "-groups", "X25519:P-384"]);
  assert.deepEqual([code, answer], [0, "HTTP/1.1 200"]);
  const [line] = await proxy.log.first(/ handshake peer=.*/);
  assert.match(line, / group=secp384r1 /);
  const none = await speak(proxy.port, ["-tls1_3", "-groups", "X25519"]);
  assert.deepEqual([none.code, none.answer], [1, undefined]);
});

Deno.test("a ClientHello may be of any size up to the limit", async () => {
  await using backend = await startHttp();
  await using proxy = await startProxy(backend.address);
  // each name takes 4 bytes of the extension, whose length is one of two bytes
  for (const bytes of [0, 200, 500, 1000, 1400, 4000, 8000, 12_000, 15_000]) {
    const names = ["http/1.1", ...Array.from({ length: bytes / 4 }, (_, i) => name(i))];
    for (const version of ["-tls1_2", "-tls1_3"]) {
      const { code, answer } = await speak(proxy.port, [version, "-alpn", names.join()]);
      assert.deepEqual([code, answer], [0, "HTTP/1.1 200"], `${version} with ${bytes} bytes more`);
    }
  }
});

Deno.test("a client that asks for short records gets large answers in them", async () => {
  const body = "x".repeat(500_000);
  await using backend = await startHttp(() => encodeAnswer(body));
  await using proxy = await startProxy(backend.address);
  for (const bytes of ["512", "1024", "2048", "4096"]) {
    for (const version of ["-tls1_2", "-tls1_3"]) {
      const args = sClient(proxy.port, [version, "-quiet", "-maxfraglen", bytes]);
      const { stdout } = await run("openssl", args, { input: REQUEST });
      assert.equal(stdout.split("\r\n\r\n")[1]?.length, body.length, `${version} with ${bytes}`);
    }
  }
});

/** A protocol of three letters that nobody has. */
function name(index: number): string {
  return `x${index.toString(36).padStart(2, "0").slice(-2)}`;
}
