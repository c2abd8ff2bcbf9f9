import assert from "node:assert/strict";
import { issueCertificate, testCertificates } from "../../../tests/support/certificates.ts";
import { openssl, versionOneRequest } from "../../../tests/support/openssl.ts";
import { loadCertificate } from "../../certificates/certificate.ts";
import { opensslRefusal } from "./trial.ts";

const { ec, rsa, ca } = await testCertificates();
const folder = await Deno.makeTempDir({ prefix: "tls-proxy-trial-" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

Deno.test("opensslRefusal() takes what OpenSSL serves", async () => {
  const chain = await Deno.readTextFile(ec.cert) + await Deno.readTextFile(ca);
  await Deno.writeTextFile(`${folder}/chain.crt`, chain);
  const critical = ["-addext", "1.2.3.4=critical,ASN1:UTF8String:x"];
  await openssl(
    ...["req", "-x509", "-key", ec.key, "-subj", "/CN=a", ...critical],
    ...["-out", `${folder}/critical.crt`],
  );
  await openssl(
    ...await versionOneRequest(folder),
    ...["-key", ec.key, "-subj", "/CN=a", "-out", `${folder}/v1.crt`],
  );
  const made = ["chain", "critical", "v1"].map((name) => ({
    cert: `${folder}/${name}.crt`,
    key: ec.key,
  }));
  const ed25519 = await issueCertificate({ names: ["a.test"], newKey: ["-newkey", "ed25519"] });
  for (const paths of [ec, rsa, ed25519, ...made]) {
    assert.equal(opensslRefusal(await loadCertificate(paths)), undefined, paths.cert);
  }
});

Deno.test("opensslRefusal() says what OpenSSL does not serve, and gives no certificate up", async () => {
  const weak = opensslRefusal(await loadCertificate(await weaklySigned()));
  // OpenSSL 3.0 is strict about the digest of one's own certificate, 3.5 is not
  const isStrict = (await openssl("version")).startsWith("OpenSSL 3.0.");
  if (isStrict || weak !== undefined) assert.match(weak ?? "", /digest that is too weak/);
  const certificate = await loadCertificate(ec);
  const half =
    `${certificate.certPem}-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n`;
  assert.equal(
    opensslRefusal({ ...certificate, certPem: half }),
    "it gives 1 of the 2 certificates",
  );
  const { keyPem } = await loadCertificate(rsa);
  assert.notEqual(opensslRefusal({ ...certificate, keyPem }), undefined);
});

/** A certificate that a CA has signed by way of SHA-1. */
async function weaklySigned() {
  const request = `${folder}/weak.csr`;
  const [key, cert] = [`${folder}/weak.ca.key`, `${folder}/weak.ca.crt`];
  await openssl("req", "-new", "-key", ec.key, "-subj", "/CN=weak", "-out", request);
  await openssl(
    ...["req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=ca"],
    ...["-keyout", key, "-out", cert],
  );
  await openssl(
    ...["x509", "-req", "-sha1", "-in", request, "-CA", cert, "-CAkey", key],
    ...["-CAcreateserial", "-out", `${folder}/weak.crt`],
  );
  return { cert: `${folder}/weak.crt`, key: ec.key };
}
