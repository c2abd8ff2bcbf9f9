import { createHash, createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { messageOf, ProxyError } from "../core/errors.ts";

/** A certificate chain with its key, checked to belong together; it may have expired. */
export interface Certificate {
  /** The chain, leaf first. */
  readonly certPem: string;
  /** The key as unencrypted PKCS#8 (RFC 5958), whatever form it was read in. */
  readonly keyPem: string;
  /**
   * DNS names and IP addresses of the subjectAltName, lower case; the common name only where there
   * is no such extension (RFC 9525 has it ignored, old private CAs do not).
   */
  readonly names: readonly string[];
  /** Distinguished name, such as `C=DE, CN=api.example.com`. */
  readonly subject: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** "RSA", "ECDSA", "Ed25519", or another name as the crypto library has it. */
  readonly keyType: string;
  /** What messages call it: the path of the certificate as the config has it. */
  readonly label: string;
  /** SHA-256 of the leaf's DER, hexadecimal. */
  readonly fingerprint: string;
}

/** Where a certificate stands, or the PEM text of it. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

/**
 * Reads a certificate chain and its key from two files, which may be the same.
 *
 * @throws {ProxyError} `bad_config`, in words for who wrote the config; `cause` is the system's error
 */
export async function loadCertificate(paths: CertificatePair): Promise<Certificate> {
  const [cert, key] = await Promise.all([
    readFile(paths.cert, "certificate"),
    readFile(paths.key, "key"),
  ]);
  return readCertificate({ cert, key }, paths);
}

/**
 * Checks the PEM texts of a chain and its key; `paths` are what messages call them. The chain begins
 * with the leaf (RFC 8446, section 4.4.2). Keys are PKCS#8, SEC1 (RFC 5915) or PKCS#1 (RFC 8017).
 *
 * @throws {ProxyError} `bad_config`; no message holds any of the key
 */
export function readCertificate(
  pem: CertificatePair,
  paths: CertificatePair,
): Promise<Certificate> {
  // A promise although nothing is awaited: callers keep when parsing moves off this thread.
  return Promise.try(() => {
    const chain = parseChain(pem.cert, paths.cert);
    const key = parseKey(pem.key, paths.key);
    const [leaf] = chain;
    checkTogether(chain, key, paths);
    return {
      certPem: chain.map((certificate) => certificate.toString()).join(""),
      keyPem: key.export({ type: "pkcs8", format: "pem" }).toString(),
      names: namesOf(leaf),
      subject: subjectLines(leaf).join(", "),
      notBefore: new Date(leaf.validFrom),
      notAfter: new Date(leaf.validTo),
      keyType: keyTypeOf(key),
      label: paths.cert,
      fingerprint: createHash("sha256").update(leaf.raw).digest("hex"),
    };
  });
}

type Role = "certificate" | "key";
type Chain = [leaf: X509Certificate, ...rest: X509Certificate[]];

async function readFile(path: string, role: Role): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw unreadable(role, `${path} ${describe(error)}`, { cause: error });
  }
}

function describe(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "does not exist";
  if (error instanceof Deno.errors.PermissionDenied) return "is not readable (permission denied)";
  if (error instanceof Deno.errors.NotCapable) return "is not readable (--allow-read lacks it)";
  if (error instanceof Deno.errors.IsADirectory) return "is a folder";
  return `is not readable (${messageOf(error)})`;
}

function parseChain(text: string, path: string): Chain {
  const blocks = pemBlocks(text);
  const [leaf, ...rest] = blocks
    .filter(({ label }) => label === "CERTIFICATE")
    .map(({ pem }, index) => parseCertificate(pem, `certificate ${index + 1} of ${path}`));
  if (leaf !== undefined) return [leaf, ...rest];

  if (blocks.some(isKey)) {
    throw unreadable("certificate", `${path} holds a key; are certificate and key swapped?`);
  }
  const hint = isDer(text) ? "; it looks like DER, which must be converted to PEM" : "";
  throw unreadable(
    "certificate",
    `${path} holds no certificate (no PEM block "CERTIFICATE")${hint}`,
  );
}

function parseCertificate(pem: string, name: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw unreadable("certificate", `${name} is damaged`, { cause: error });
  }
}

function parseKey(text: string, path: string): KeyObject {
  const blocks = pemBlocks(text);
  const block = blocks.find(isKey);
  if (block === undefined) {
    if (blocks.some(({ label }) => label === "CERTIFICATE")) {
      throw unreadable("key", `${path} holds a certificate; are certificate and key swapped?`);
    }
    const hint = isDer(text) ? "; it looks like DER, which must be converted to PEM" : "";
    throw unreadable("key", `${path} holds no key (no PEM block "PRIVATE KEY")${hint}`);
  }
  if (block.label === "ENCRYPTED PRIVATE KEY" || /^Proc-Type: 4,ENCRYPTED/m.test(block.pem)) {
    throw unreadable("key", `${path} holds an encrypted key, which needs a passphrase`);
  }
  try {
    return createPrivateKey(block.pem);
  } catch {
    // No cause: what a parser says of a key may quote it.
    throw unreadable("key", `${path} holds a key that is damaged or of an unknown kind`);
  }
}

function checkTogether(chain: Chain, key: KeyObject, paths: CertificatePair): void {
  const owner = chain.findIndex((certificate) => certificate.checkPrivateKey(key));
  if (owner === 0) return;
  if (owner === -1) {
    throw unreadable(
      "certificate",
      `the key ${paths.key} does not belong to the certificate ${paths.cert}`,
    );
  }
  throw unreadable(
    "certificate",
    `the key ${paths.key} belongs to certificate ${
      owner + 1
    } of ${paths.cert}, which must come first`,
  );
}

function namesOf(leaf: X509Certificate): string[] {
  const alternatives = leaf.subjectAltName;
  if (alternatives === undefined) {
    return subjectLines(leaf)
      .filter((line) => line.startsWith("CN="))
      .map((line) => line.slice("CN=".length).toLowerCase());
  }
  const names = alternatives.split(", ").flatMap((alternative) => {
    const match = /^(?:DNS|IP Address):(.+)$/.exec(alternative);
    return match?.[1] === undefined ? [] : [match[1].toLowerCase()];
  });
  return [...new Set(names)];
}

/** Attributes of the subject, such as `CN=api.example.com`. */
function subjectLines(leaf: X509Certificate): string[] {
  // An empty subject, which public CAs now issue, comes as undefined against its declared type.
  const subject: string | undefined = leaf.subject;
  return subject?.split("\n") ?? [];
}

const KEY_TYPES: Readonly<Record<string, string>> = {
  rsa: "RSA",
  "rsa-pss": "RSA-PSS",
  ec: "ECDSA",
  ed25519: "Ed25519",
};

function keyTypeOf(key: KeyObject): string {
  const name = key.asymmetricKeyType ?? "unknown";
  return KEY_TYPES[name] ?? name;
}

interface PemBlock {
  readonly label: string;
  readonly pem: string;
}

/** The blocks of a text (RFC 7468); what stands between them is left out. */
function pemBlocks(text: string): PemBlock[] {
  const blocks = text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^]*?-----END \1-----/g);
  return Array.from(blocks, ([pem, label = ""]) => ({ label, pem: `${pem}\n` }));
}

function isKey({ label }: PemBlock): boolean {
  return label.endsWith("PRIVATE KEY");
}

/** A SEQUENCE of two length bytes, of which reading as UTF-8 left the first. */
function isDer(text: string): boolean {
  return text.startsWith("0\ufffd");
}

function unreadable(role: Role, what: string, options?: ErrorOptions): ProxyError {
  return new ProxyError("bad_config", `Cannot read the ${role}: ${what}`, options);
}
