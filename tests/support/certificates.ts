import { openssl } from "./openssl.ts";

/** Certificates of one CA for the tests, as paths. */
export interface TestCertificates {
  /** What clients trust. */
  readonly ca: string;
  readonly caPem: string;
  /** ECDSA for localhost, 127.0.0.1 and ::1. */
  readonly ec: CertificateFiles;
  /** RSA for the same names. */
  readonly rsa: CertificateFiles;
  /** ECDSA for api.example.test. */
  readonly api: CertificateFiles;
}

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** A certificate that a test wants of the CA. */
export interface CertificateRequest {
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
  /** What `-newkey` takes; ECDSA on P-256 unless told otherwise. */
  readonly newKey?: readonly string[];
  /** The key is encrypted with it. */
  readonly passphrase?: string;
}

let made: Promise<TestCertificates> | undefined;
let issued = 0;

/** Makes them when they are first asked for; they go when the tests of the file are over. */
export function testCertificates(): Promise<TestCertificates> {
  return made ??= make();
}

/** Issues one more certificate of the same CA; it goes with the others. */
export async function issueCertificate(
  { names, newKey = EC, passphrase }: CertificateRequest,
): Promise<CertificateFiles> {
  const { ca } = await testCertificates();
  const folder = ca.slice(0, ca.lastIndexOf("/"));
  const alternatives = names.map((name) => `${/^[\d.]+$|:/.test(name) ? "IP" : "DNS"}:${name}`);
  const name = `issued${issued++}`;
  return issue(folder, {
    name,
    newKey,
    names: alternatives.join(),
    ...(passphrase === undefined ? {} : { passphrase }),
  });
}

/** SHA-256 of a certificate's DER, hexadecimal, as openssl has it. */
export async function fingerprintOf({ cert }: CertificateFiles): Promise<string> {
  const line = await openssl("x509", "-in", cert, "-noout", "-fingerprint", "-sha256");
  return line.trim().replace(/^.*=/, "").replaceAll(":", "").toLowerCase();
}

/** `-newkey` for RSA. */
export const RSA = ["-newkey", "rsa:2048"] as const;

async function make(): Promise<TestCertificates> {
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-certs-" });
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  const ca = `${folder}/ca.crt`;
  await openssl(
    ...["req", "-x509", "-nodes", "-days", "90", "-subj", "/CN=Test CA", ...EC],
    ...["-keyout", `${folder}/ca.key`, "-out", ca],
  );
  const local = "DNS:localhost,IP:127.0.0.1,IP:::1";
  const [ec, rsa, api] = await Promise.all([
    issue(folder, { name: "ec", newKey: EC, names: local }),
    issue(folder, { name: "rsa", newKey: RSA, names: local }),
    issue(folder, { name: "api", newKey: EC, names: "DNS:api.example.test" }),
  ]);
  return { ca, caPem: await Deno.readTextFile(ca), ec, rsa, api };
}

const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

async function issue(
  folder: string,
  { name, newKey, names, passphrase }: {
    name: string;
    newKey: readonly string[];
    names: string;
    passphrase?: string;
  },
): Promise<CertificateFiles> {
  const [cert, key] = [`${folder}/${name}.crt`, `${folder}/${name}.key`];
  await openssl(
    ...["req", "-x509", "-nodes", "-days", "90", "-subj", `/CN=${name}`, ...newKey],
    ...["-CA", `${folder}/ca.crt`, "-CAkey", `${folder}/ca.key`],
    ...["-addext", `subjectAltName=${names}`, "-addext", "basicConstraints=critical,CA:FALSE"],
    ...["-keyout", key, "-out", cert],
  );
  if (passphrase === undefined) return { cert, key };
  const encrypted = `${folder}/${name}.encrypted.key`;
  await openssl(
    ...["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", `pass:${passphrase}`],
    ...["-in", key, "-out", encrypted],
  );
  return { cert, key: encrypted };
}
