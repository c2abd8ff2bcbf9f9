import { Buffer } from "node:buffer";
import { createPrivateKey, type KeyObject } from "node:crypto";
import type { ProxyError } from "../core/errors.ts";
import { childrenOf, DER, derElement, derElements } from "./der.ts";
import { isExplicit } from "./explicit_curve.ts";
import { cannotRead, derHint, derOf, isKeyBlock, type PemBlock, pemBlocks, toPem } from "./pem.ts";

/** A private key as it stands in its file. */
export interface KeyText {
  readonly pem: string;
  /** Of an encrypted key; one that is not encrypted needs none, and does not mind one. */
  readonly passphrase?: string | undefined;
}

/** Where it was read, for messages. */
export interface KeySource {
  readonly path: string;
  readonly passphraseFile?: string | undefined;
}

/**
 * Reads a private key: PKCS#8 (RFC 5958), SEC1 (RFC 5915) or PKCS#1 (RFC 8017), encrypted or not.
 * What it is goes by its content: many a key stands under a label that is another's.
 *
 * @throws {ProxyError} `bad_config`; neither it nor its cause holds any of the key or passphrase
 */
export function parsePrivateKey(text: KeyText, source: KeySource): KeyObject {
  const { path } = source;
  const block = rightlyLabelled(keyBlock(text.pem, path));
  if (isEncrypted(block)) return decryptKey(block, { passphrase: text.passphrase, ...source });
  refuseForms(block, path);
  try {
    return createPrivateKey(block.pem);
  } catch {
    const kind = foreignKind(block);
    if (kind !== undefined) throw unusableKey(path, kind);
    // No cause: what a parser says of a key may quote it.
    throw cannotRead("key", `${path} holds a key that is damaged or of an unknown kind`);
  }
}

/** Of a key that is sound, and that nothing here signs with. */
export function unusableKey(path: string, kind: string): ProxyError {
  return cannotRead(
    "key",
    `${path} holds a key that cannot be used here (${kind}); take RSA of ${MIN_RSA_BITS} bits or ` +
      "more, ECDSA on P-256, P-384 or P-521, or Ed25519",
  );
}

/** The least that an RSA key may have: 112 bits of security, OpenSSL's level 2. */
export const MIN_RSA_BITS = 2048;

/** What a key of PKCS#8 is that the runtime does not read, where that is known. */
function foreignKind(block: PemBlock): string | undefined {
  const [, algorithm] = childrenOf(derElement(derOf(block) ?? new Uint8Array()));
  const [identifier] = childrenOf(algorithm);
  const oid = identifier?.content.toHex() ?? "";
  if (oid.length !== NIST_SIGNATURES.length + 2 || !oid.startsWith(NIST_SIGNATURES)) {
    return undefined;
  }
  const last = parseInt(oid.slice(-2), 16);
  return ML_DSA[last] ?? (last >= SLH_DSA.first && last <= SLH_DSA.last ? "SLH-DSA" : undefined);
}

/** 2.16.840.1.101.3.4.3, with what follows as the last byte (RFC 9881 and RFC 9909). */
const NIST_SIGNATURES = "6086480165030403";
const ML_DSA: Readonly<Record<number, string>> = {
  17: "ML-DSA-44",
  18: "ML-DSA-65",
  19: "ML-DSA-87",
};
const SLH_DSA = { first: 20, last: 31 } as const;

/** Under the label that its content has; as it is where that is not known. */
function rightlyLabelled(block: PemBlock): PemBlock {
  const der = derOf(block);
  const label = der && labelOf(der);
  if (der === undefined || label === undefined || label === block.label) return block;
  return { label, pem: toPem(label, der) };
}

/** By the first elements of each form. */
function labelOf(der: Uint8Array<ArrayBuffer>): string | undefined {
  const key = derElement(der);
  if (key?.tag !== DER.sequence) return undefined;
  const elements = derElements(key.content);
  const [first, second] = elements;
  if (first?.tag === DER.sequence && second?.tag === DER.octetString) {
    return "ENCRYPTED PRIVATE KEY";
  }
  if (first?.tag !== DER.integer) return undefined;
  switch (second?.tag) {
    case DER.sequence:
      return "PRIVATE KEY";
    case DER.octetString:
      return "EC PRIVATE KEY";
    case DER.integer:
      // DSA has six numbers
      return elements.length >= RSA_NUMBERS ? "RSA PRIVATE KEY" : undefined;
    default:
      return undefined;
  }
}

/** RFC 8017, appendix A.1.2. */
const RSA_NUMBERS = 9;

/** Forms that are sound and of no use here, with the way to one that is. */
function refuseForms(block: PemBlock, path: string): void {
  if (block.label === "OPENSSH PRIVATE KEY") {
    throw cannotRead(
      "key",
      `${path} holds a key as OpenSSH writes it; convert a copy of it: ` +
        "ssh-keygen -p -m PKCS8 -f COPY",
    );
  }
  if (hasExplicitCurve(block)) {
    throw cannotRead(
      "key",
      `${path} holds a key that spells its curve out, which TLS does not allow; name the curve: ` +
        `openssl pkey -in ${path} -ec_param_enc named_curve -out NEW_FILE`,
    );
  }
}

/** Parameters in the place of a curve's name (RFC 5480, section 2.1.1, which forbids them). */
function hasExplicitCurve(block: PemBlock): boolean {
  const elements = childrenOf(derElement(derOf(block) ?? new Uint8Array()));
  switch (block.label) {
    case "PRIVATE KEY":
      return isExplicit(elements[1]?.content);
    case "EC PRIVATE KEY": {
      const parameters = elements.find(({ tag }) => tag === DER.context0);
      return parameters !== undefined && derElement(parameters.content)?.tag === DER.sequence;
    }
    default:
      return false;
  }
}

function keyBlock(text: string, path: string): PemBlock {
  const blocks = pemBlocks(text, { role: "key", path });
  const block = blocks.find(isKeyBlock);
  if (block !== undefined) return block;
  if (blocks.some(({ label }) => label === "CERTIFICATE")) {
    throw cannotRead("key", `${path} holds a certificate; are certificate and key swapped?`);
  }
  const hint = derHint(text, { path, tool: "pkey" });
  throw cannotRead("key", `${path} holds no key (no PEM block "PRIVATE KEY")${hint}`);
}

function decryptKey(
  block: PemBlock,
  { path, passphrase, passphraseFile }: KeySource & { passphrase: string | undefined },
): KeyObject {
  if (passphrase === undefined) {
    throw cannotRead("key", `${path} holds an encrypted key, which needs a passphrase_file`);
  }
  try {
    return createPrivateKey({ key: block.pem, passphrase });
  } catch {
    // Asked afterwards: the runtime may read more than is known here, but not say why it failed.
    if (!isKnownEncryption(block)) {
      throw cannotRead(
        "key",
        `${path} is encrypted in a way that cannot be read here; convert it: ` +
          `openssl pkcs8 -topk8 -v2 aes-256-cbc -in ${path} -out NEW_FILE`,
      );
    }
    const source = passphraseFile === undefined ? "" : ` in ${passphraseFile}`;
    throw cannotRead("key", `the passphrase${source} does not open ${path}`);
  }
}

/** RFC 5958, section 3, and RFC 1421, section 4.6.1.1. */
function isEncrypted({ label, pem }: PemBlock): boolean {
  return label === "ENCRYPTED PRIVATE KEY" || /^Proc-Type: 4,ENCRYPTED/m.test(pem);
}

/** Whether the runtime can decrypt it, given the passphrase. */
function isKnownEncryption({ label, pem }: PemBlock): boolean {
  if (label !== "ENCRYPTED PRIVATE KEY") {
    return /^DEK-Info: (?:AES-(?:128|192|256)-CBC|DES-EDE3-CBC),/m.test(pem);
  }
  const base64 = pem.replaceAll(/-----.*-----|\s/g, "");
  const der = Buffer.from(base64, "base64").toString("hex");
  return CIPHERS.some((oid) => der.includes(oid)) && DERIVATIONS.some((oid) => der.includes(oid));
}

/** Object identifiers as DER has them (RFC 8018, appendix C): those of PBES2 that can be read. */
const CIPHERS = [
  "0609608648016503040102", // aes128-CBC
  "0609608648016503040116", // aes192-CBC
  "060960864801650304012a", // aes256-CBC
];

/** The same for PBKDF2's hash, and scrypt (RFC 7914). */
const DERIVATIONS = [
  "06082a864886f70d0209", // hmacWithSHA256
  "06082a864886f70d020a", // hmacWithSHA384
  "06082a864886f70d020b", // hmacWithSHA512
  "06092b06010401da47040b", // scrypt
];
