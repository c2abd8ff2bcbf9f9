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
  /** One more of the same CA. */
  issue(options: IssueOptions): Promise<CertificateFiles>;
}

export interface IssueOptions {
  /** The subject's common name, by which tests tell certificates apart, and the files' name. */
  readonly name: string;
  /** Subject alternative names, such as `DNS:a.test,IP:127.0.0.1`. */
  readonly names: string;
  readonly rsa?: boolean;
  /** Encrypts the key. */
  readonly passphrase?: string;
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
    issue(folder, { name: "ec", names: local }),
    issue(folder, { name: "rsa", rsa: true, names: local }),
    issue(folder, { name: "api", names: "DNS:api.example.test" }),
  ]);
  const caPem = await Deno.readTextFile(ca);
  return { ca, caPem, ec, rsa, api, issue: (options) => issue(folder, options) };
}

const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

async function issue(
  folder: string,
  { name, names, rsa = false, passphrase }: IssueOptions,
): Promise<CertificateFiles> {
  const [cert, key] = [`${folder}/${name}.crt`, `${folder}/${name}.key`];
  await openssl(
    ...["req", "-x509", "-nodes", "-days", "90", "-subj", `/CN=${name}`],
    ...(rsa ? ["-newkey", "rsa:2048"] : EC),
    ...["-CA", `${folder}/ca.crt`, "-CAkey", `${folder}/ca.key`],
    ...["-addext", `subjectAltName=${names}`, "-addext", "basicConstraints=critical,CA:FALSE"],
    ...["-keyout", key, "-out", cert],
  );
  if (passphrase !== undefined) {
    const encrypt = ["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", `pass:${passphrase}`];
    await openssl(...encrypt, "-in", key, "-out", `${key}.new`);
    await Deno.rename(`${key}.new`, key);
  }
  return { cert, key };
}
