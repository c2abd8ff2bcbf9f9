import assert from "node:assert/strict";
import { issueCertificate, testCertificates } from "../../tests/support/certificates.ts";
import { openssl, versionOneRequest } from "../../tests/support/openssl.ts";
import { loadCertificate } from "../certificates/certificate.ts";
import { denoRefusal } from "./deno_refusal.ts";

const { ec, rsa } = await testCertificates();
const ed25519 = await issueCertificate({ names: ["a.test"], newKey: ["-newkey", "ed25519"] });
const folder = await Deno.makeTempDir({ prefix: "tls-proxy-refusal-" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

async function made(name: string, ...args: string[]) {
  const cert = `${folder}/${name}.crt`;
  await openssl(...args, "-out", cert);
  return await loadCertificate({ cert, key: ec.key });
}

Deno.test("denoRefusal() is what Deno.listenTls says", async () => {
  const CASES = [
    ...await Promise.all([ec, rsa, ed25519].map(loadCertificate)),
    await made(
      ...["critical", "req", "-x509", "-key", ec.key, "-subj", "/CN=a"] as const,
      ...["-addext", "1.2.3.4=critical,ASN1:UTF8String:x"],
    ),
    await made("v1", ...await versionOneRequest(folder), "-key", ec.key, "-subj", "/CN=a"),
  ];
  const refusals = CASES.map(denoRefusal);
  assert.deepEqual(refusals.map((reason) => reason !== undefined), [
    false,
    false,
    false,
    true,
    true,
  ]);
  assert.match(refusals[3] ?? "", /critical extension/);
  assert.match(refusals[4] ?? "", /not of version 3/);
  for (const [index, { certPem: cert, keyPem: key }] of CASES.entries()) {
    const listen = () => Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key }).close();
    if (refusals[index] === undefined) listen();
    else assert.throws(listen);
  }
});
