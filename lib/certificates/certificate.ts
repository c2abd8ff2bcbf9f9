import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { messageOf, ProxyError } from "../core/errors.ts";
import { ipAddress } from "../core/host_name.ts";
import { readTextFile } from "../io/text_file.ts";
import { derElement } from "./der.ts";
import { hasExplicitKey } from "./explicit_curve.ts";
import { mustStaple } from "./must_staple.ts";
import {
  cannotRead,
  derHint,
  derOf,
  isKeyBlock,
  type PemBlock,
  pemBlocks,
  type PemRole,
} from "./pem.ts";
import { MIN_RSA_BITS, parsePrivateKey, unusableKey } from "./private_key.ts";

/** A certificate chain with its key, checked to belong together; it may have expired. */
export interface Certificate {
  /** The chain, leaf first. */
  readonly certPem: string;
  /** The key as unencrypted PKCS#8 (RFC 5958), whatever form it was read in. */
  readonly keyPem: string;
  /**
   * DNS names and IP addresses of the subjectAltName, lower case and canonical; the common name
   * only where there is no such extension (RFC 9525 has it ignored, old private CAs do not).
   */
  readonly names: readonly string[];
  /** Distinguished name, such as `C=DE, CN=api.example.com`. */
  readonly subject: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** "RSA", "ECDSA", "Ed25519", or another name as the crypto library has it. */
  readonly keyType: string;
  /** The curve of an ECDSA key, such as `prime256v1`. */
  readonly curve?: string | undefined;
  /** Whether it asks for a stapled OCSP answer, see `mustStaple`; this proxy has none. */
  readonly mustStaple?: boolean;
  /**
   * Whether it stands only for one that a CA has yet to give: a client that asks for its names is
   * refused, where the engine can.
   */
  readonly placeholder?: boolean;
  /** What messages call it: the path of the certificate as the config has it. */
  readonly label: string;
  /** SHA-256 of the leaf's DER, hexadecimal. */
  readonly fingerprint: string;
  /** The same of the whole chain and the key: it tells any change of what is served. */
  readonly digest: string;
}

/** Where a certificate stands. */
export interface CertificatePaths {
  readonly cert: string;
  readonly key: string;
  /** A file that holds the passphrase of an encrypted key, maybe with a line end after it. */
  readonly passphraseFile?: string | undefined;
}

/** The PEM texts of a certificate. */
export interface CertificateText {
  readonly cert: string;
  readonly key: string;
  readonly passphrase?: string | undefined;
}

/**
 * Reads a certificate chain and its key from two files, which may be the same.
 *
 * @throws {ProxyError} `bad_config`, in words for who wrote the config; `cause` is the system's error
 */
export async function loadCertificate(paths: CertificatePaths): Promise<Certificate> {
  // one after the other: of several that are missing the same is named each time
  const cert = await readFile(paths.cert, "certificate");
  const key = await readFile(paths.key, "key");
  const passphrase = await readPassphrase(paths.passphraseFile);
  return readCertificate({ cert, key, passphrase }, paths);
}

/** How long to try. */
export interface SettleOptions {
  /** Tries in all, 1 or more. */
  readonly attempts: number;
  /** Milliseconds between two tries. */
  readonly delayMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Reads a pair that may just be in the course of being replaced, such as a new certificate beside
 * the old key or half a file: reads it again, for a while, before it gives up.
 *
 * @throws {ProxyError} `bad_config`, like `loadCertificate`, of the last try
 * @throws the signal's reason, where it is aborted while this waits
 */
export async function loadCertificateSettled(
  paths: CertificatePaths,
  { attempts, delayMs, signal }: SettleOptions,
): Promise<Certificate> {
  for (let attempt = 1;; attempt++) {
    try {
      return await loadCertificate(paths);
    } catch (error) {
      if (!(error instanceof ProxyError) || attempt >= attempts) throw error;
    }
    await delay(delayMs, undefined, signal && { signal });
  }
}

/** Days until a certificate expires, with fractions; negative once it has. */
export function daysUntilExpiry({ notAfter }: Certificate, now: Date): number {
  return (notAfter.getTime() - now.getTime()) / DAY_MS;
}

/**
 * Days before its end from which on a certificate is worth a warning: a month, or a third of its
 * life where that is less than two months, as it may be meant to live for days.
 */
export function warningDays({ notBefore, notAfter }: Certificate): number {
  const life = (notAfter.getTime() - notBefore.getTime()) / DAY_MS;
  return life < SHORT_LIFE_DAYS ? life / 3 : WARNING_DAYS;
}

const DAY_MS = 86_400_000;
const SHORT_LIFE_DAYS = 60;
const WARNING_DAYS = 30;

/** Whether a certificate is in force (RFC 5280, section 4.1.2.5). */
export function validityAt(
  { notBefore, notAfter }: Certificate,
  now: Date,
): "valid" | "expired" | "not_yet_valid" {
  if (now > notAfter) return "expired";
  return now < notBefore ? "not_yet_valid" : "valid";
}

/**
 * Checks the PEM texts of a chain and its key; `paths` are what messages call them. The chain begins
 * with the leaf (RFC 8446, section 4.4.2); see `parsePrivateKey` for the key.
 *
 * @throws {ProxyError} `bad_config`; no message holds any of the key or passphrase
 */
export function readCertificate(
  pem: CertificateText,
  paths: CertificatePaths,
): Promise<Certificate> {
  // A promise although nothing is awaited: callers keep when parsing moves off this thread.
  return Promise.try(() => {
    const chain = parseChain(pem.cert, paths.cert);
    const { key: path, passphraseFile } = paths;
    const { key: keyText, passphrase } = pem;
    const key = parsePrivateKey({ pem: keyText, passphrase }, { path, passphraseFile });
    const [leaf] = chain;
    checkTogether(chain, key, paths);
    checkUsable(key, path);
    const certPem = chain.map((certificate) => certificate.toString()).join("");
    const keyPem = key.export({ type: "pkcs8", format: "pem" }).toString();
    return {
      certPem,
      keyPem,
      names: namesOf(leaf),
      subject: subjectLines(leaf).join(", "),
      notBefore: new Date(leaf.validFrom),
      notAfter: new Date(leaf.validTo),
      keyType: keyTypeOf(key),
      curve: key.asymmetricKeyDetails?.namedCurve,
      mustStaple: mustStaple(new Uint8Array(leaf.raw)),
      label: paths.cert,
      fingerprint: createHash("sha256").update(leaf.raw).digest("hex"),
      digest: createHash("sha256").update(certPem).update(keyPem).digest("hex"),
    };
  });
}

type Chain = [leaf: X509Certificate, ...rest: X509Certificate[]];

async function readFile(path: string, role: PemRole): Promise<string> {
  try {
    return await readTextFile(path);
  } catch (error) {
    throw cannotRead(role, `${path} ${messageOf(error)}`, { cause: error });
  }
}

async function readPassphrase(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  // Editors and `echo` end a file with a line end, which is no part of the passphrase.
  const passphrase = (await readFile(path, "passphrase")).replace(/\r?\n$/, "");
  if (passphrase === "") throw cannotRead("passphrase", `${path} is empty`);
  return passphrase;
}

function parseChain(text: string, path: string): Chain {
  const blocks = pemBlocks(text, { role: "certificate", path });
  if (blocks.some(({ label }) => CONTAINERS.test(label))) {
    throw cannotRead(
      "certificate",
      `${path} holds certificates in a PKCS#7 container; take them out: ` +
        `openssl pkcs7 -in ${path} -print_certs -out NEW_FILE`,
    );
  }
  const [leaf, ...rest] = blocks
    .filter(({ label }) => CERTIFICATES.has(label))
    .map((block, index) => parseCertificate(block, `certificate ${index + 1} of ${path}`));
  if (leaf !== undefined) return [leaf, ...rest];

  if (blocks.some(isKeyBlock)) {
    throw cannotRead("certificate", `${path} holds a key; are certificate and key swapped?`);
  }
  throw cannotRead(
    "certificate",
    `${path} holds no certificate (no PEM block "CERTIFICATE")${
      derHint(text, { path, tool: "x509" })
    }`,
  );
}

/** The label, the one it had before, and that of OpenSSL's own form with hints of trust behind. */
const CERTIFICATES: ReadonlySet<string> = new Set([
  "CERTIFICATE",
  "X509 CERTIFICATE",
  "TRUSTED CERTIFICATE",
]);

/** RFC 7468, sections 8 and 9, and what came before. */
const CONTAINERS = /^(?:PKCS ?#?7(?: SIGNED DATA)?|CMS|CERTIFICATE CHAIN)$/;

function parseCertificate(block: PemBlock, name: string): X509Certificate {
  // OpenSSL's own form has more behind the certificate
  const der = derElement(derOf(block) ?? new Uint8Array())?.whole ?? new Uint8Array();
  if (hasExplicitKey(der)) {
    throw cannotRead(
      "certificate",
      `${name} has a key that spells its curve out, which TLS does not allow; have it issued anew ` +
        "for the key with a named curve (openssl pkey -ec_param_enc named_curve)",
    );
  }
  try {
    return new X509Certificate(der);
  } catch (error) {
    throw cannotRead("certificate", `${name} is damaged`, { cause: error });
  }
}

function checkTogether(chain: Chain, key: KeyObject, paths: CertificatePaths): void {
  const owner = chain.findIndex((certificate) => certificate.checkPrivateKey(key));
  if (owner === 0) return;
  if (owner === -1) {
    throw cannotRead(
      "certificate",
      `the key ${paths.key} does not belong to the certificate ${paths.cert}`,
    );
  }
  throw cannotRead(
    "certificate",
    `the key ${paths.key} belongs to certificate ${
      owner + 1
    } of ${paths.cert}, which must come first`,
  );
}

/** Both engines refuse the others, and only when they are to serve. */
function checkUsable(key: KeyObject, path: string): void {
  const kind = keyTypeOf(key);
  const { namedCurve = "", modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const usable = kind === "RSA"
    ? modulusLength >= MIN_RSA_BITS
    : kind === "ECDSA"
    ? CURVES.has(namedCurve)
    : kind === "Ed25519";
  if (usable) return;
  const detail = kind === "RSA" ? ` of ${modulusLength} bits` : namedCurve && ` on ${namedCurve}`;
  throw unusableKey(path, `${kind}${detail}`);
}

const CURVES: ReadonlySet<string> = new Set(["prime256v1", "secp384r1", "secp521r1"]);

function namesOf(leaf: X509Certificate): string[] {
  const alternatives = leaf.subjectAltName;
  if (alternatives === undefined) {
    return subjectLines(leaf)
      .filter((line) => line.startsWith("CN="))
      .map((line) => line.slice("CN=".length).toLowerCase());
  }
  const names = alternatives.split(", ").flatMap((alternative) => {
    const match = /^(?:DNS|IP Address):(.+)$/.exec(alternative);
    const [, name] = match ?? [];
    return name === undefined ? [] : [ipAddress(name) ?? name.toLowerCase()];
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
