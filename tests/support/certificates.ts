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

let made: Promise<TestCertificates> | undefined;

/** Makes them when they are first asked for; they go when the tests of the file are over. */
export function testCertificates(): Promise<TestCertificates> {
  return made ??= make();
}

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
    issue(folder, { name: "rsa", newKey: ["-newkey", "rsa:2048"], names: local }),
    issue(folder, { name: "api", newKey: EC, names: "DNS:api.example.test" }),
  ]);
  return { ca, caPem: await Deno.readTextFile(ca), ec, rsa, api };
}

const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

async function issue(
  folder: string,
  { name, newKey, names }: { name: string; newKey: readonly string[]; names: string },
): Promise<CertificateFiles> {
  const [cert, key] = [`${folder}/${name}.crt`, `${folder}/${name}.key`];
  await openssl(
    ...["req", "-x509", "-nodes", "-days", "90", "-subj", `/CN=${name}`, ...newKey],
    ...["-CA", `${folder}/ca.crt`, "-CAkey", `${folder}/ca.key`],
    ...["-addext", `subjectAltName=${names}`, "-addext", "basicConstraints=critical,CA:FALSE"],
    ...["-keyout", key, "-out", cert],
  );
  return { cert, key };
}
