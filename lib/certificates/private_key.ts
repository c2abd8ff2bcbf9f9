import { Buffer } from "node:buffer";
import { createPrivateKey, type KeyObject } from "node:crypto";
import { cannotRead, derHint, isKeyBlock, type PemBlock, pemBlocks } from "./pem.ts";

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
 *
 * @throws {ProxyError} `bad_config`; neither it nor its cause holds any of the key or passphrase
 */
export function parsePrivateKey(text: KeyText, source: KeySource): KeyObject {
  const { path } = source;
  const block = keyBlock(text.pem, path);
  if (isEncrypted(block)) return decryptKey(block, { passphrase: text.passphrase, ...source });
  try {
    return createPrivateKey(block.pem);
  } catch {
    // No cause: what a parser says of a key may quote it.
    throw cannotRead("key", `${path} holds a key that is damaged or of an unknown kind`);
  }
}

function keyBlock(text: string, path: string): PemBlock {
  const blocks = pemBlocks(text, { role: "key", path });
  const block = blocks.find(isKeyBlock);
  if (block !== undefined) return block;
  if (blocks.some(({ label }) => label === "CERTIFICATE")) {
    throw cannotRead("key", `${path} holds a certificate; are certificate and key swapped?`);
  }
  throw cannotRead("key", `${path} holds no key (no PEM block "PRIVATE KEY")${derHint(text)}`);
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
