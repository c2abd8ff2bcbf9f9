import type { CertificateFiles } from "./certificates.ts";
import { openssl, opensslHas } from "./openssl.ts";

/** What a test wants certified. */
export interface Wanted {
  /** Such as `/O=Example/CN=alice`. */
  readonly subject: string;
  /** DNS names and IP addresses; none for a client. */
  readonly names?: readonly string[];
  /** Days until it ends; less than 0 for one that has. */
  readonly days?: number;
  /** Whether it may certify others. */
  readonly ca?: boolean;
}

/** An authority; its files go when the tests of the file are over. */
export interface Authority {
  /** Its own certificate. */
  readonly ca: string;
  readonly folder: string;
  issue(wanted: Wanted): Promise<CertificateFiles>;
  /** An authority below this one; its `ca` is that of the certificates it issues. */
  intermediate(subject: string): Promise<Authority>;
  /** A list of what is revoked: these and all before. @returns its path */
  revoke(...certificates: readonly CertificateFiles[]): Promise<string>;
  /** The same list as of years ago. @returns its path */
  outdatedList(): Promise<string>;
}

/** Makes an authority. */
export async function createTestAuthority(subject = "/CN=Trust CA"): Promise<Authority> {
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-trust-" });
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  const [ca, key] = [`${folder}/ca.crt`, `${folder}/ca.key`];
  await openssl(
    ...["req", "-x509", "-nodes", "-days", "30", "-subj", subject, ...NEW_KEY],
    ...["-keyout", key, "-out", ca],
  );
  return authorityIn(folder, { ca, key });
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

let made = 0;

function authorityIn(folder: string, { ca, key }: { ca: string; key: string }): Authority {
  const name = `authority${made++}`;
  const config = `${folder}/${name}.cnf`;
  const crl = `${folder}/${name}.crl`;

  async function issue({ subject, names = [], days = 10, ca: isCa = false }: Wanted) {
    const base = `${folder}/issued${made++}`;
    const alternatives = names.map((name) => `${/^[\d.]+$|:/.test(name) ? "IP" : "DNS"}:${name}`);
    const extensions = [
      `basicConstraints=critical,CA:${isCa ? "TRUE" : "FALSE"}`,
      ...(alternatives.length === 0 ? [] : [`subjectAltName=${alternatives.join()}`]),
    ];
    await Deno.writeTextFile(`${base}.ext`, extensions.join("\n"));
    await openssl(
      ...["req", "-nodes", "-subj", subject, ...NEW_KEY],
      ...["-keyout", `${base}.key`, "-out", `${base}.csr`],
    );
    await openssl(
      ...["x509", "-req", "-in", `${base}.csr`, "-CA", ca, "-CAkey", key],
      ...["-days", String(days), "-extfile", `${base}.ext`, "-out", `${base}.crt`],
      ...(days < 0 ? await startLongAgo() : []),
    );
    return { cert: `${base}.crt`, key: `${base}.key` };
  }

  async function revoke(...certificates: readonly CertificateFiles[]): Promise<string> {
    await Deno.writeTextFile(config, caConfig({ folder, name, ca, key }));
    await Deno.writeTextFile(`${folder}/${name}.txt`, "", { append: true });
    for (const { cert } of certificates) {
      await openssl("ca", "-config", config, "-revoke", cert);
    }
    await openssl("ca", "-config", config, "-gencrl", "-out", crl);
    return crl;
  }

  async function outdatedList(): Promise<string> {
    await revoke();
    const dates = ["-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200201000000Z"];
    await openssl("ca", "-config", config, "-gencrl", ...dates, "-out", `${crl}.old`);
    return `${crl}.old`;
  }

  async function intermediate(subject: string): Promise<Authority> {
    const files = await issue({ subject, ca: true });
    return authorityIn(folder, { ca: files.cert, key: files.key });
  }

  return { ca, folder, issue, revoke, outdatedList, intermediate };
}

/** OpenSSL 3.4 and later makes no certificate that ends before it starts. */
async function startLongAgo(): Promise<readonly string[]> {
  return await opensslHas("x509", "-not_before") ? ["-not_before", "20200101000000Z"] : [];
}

function caConfig({ folder, name, ca, key }: Record<"folder" | "name" | "ca" | "key", string>) {
  return `[ca]
default_ca = here
[here]
database = ${folder}/${name}.txt
new_certs_dir = ${folder}
certificate = ${ca}
private_key = ${key}
default_md = sha256
default_crl_days = 30
`;
}
