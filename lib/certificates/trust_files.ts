import { createHash, X509Certificate } from "node:crypto";
import { messageOf } from "../core/errors.ts";
import { readTextFile } from "../io/text_file.ts";
import { cannotRead, derHint, derOf, type PemBlock, pemBlocks, type PemRole } from "./pem.ts";

/** The PEM text of authorities, or of what they have revoked, without what else its file says. */
export interface TrustText {
  readonly pem: string;
  /** SHA-256, hexadecimal: it tells any change. */
  readonly digest: string;
}

/** Authorities as their file has them, as PEM and with what is to be known of each. */
export interface AuthoritiesText extends TrustText {
  readonly authorities: readonly Authority[];
}

/** What a certificate says of an authority; names as lines of one attribute each. */
export interface Authority {
  readonly subject: string;
  readonly issuer: string;
  readonly notAfter: Date;
}

/**
 * Reads the certificates of authorities, as many as the file has.
 *
 * @throws {ProxyError} `bad_config`, in words for who wrote the config
 */
export async function readAuthorities(path: string): Promise<AuthoritiesText> {
  const blocks = await readBlocks(path, { role: "CA", labels: AUTHORITY_LABELS });
  if (blocks.some(({ label }) => label === HINTED)) {
    throw cannotRead(
      "CA",
      `${path} holds a certificate with OpenSSL's hints of trust, which are not heeded here; take ` +
        `them off: openssl x509 -in ${path} -out NEW_FILE`,
    );
  }
  const certificates = blocks.map((block, index) => {
    try {
      return new X509Certificate(derOf(block) ?? new Uint8Array());
    } catch (error) {
      throw cannotRead("CA", `certificate ${index + 1} of ${path} is damaged`, { cause: error });
    }
  });
  return {
    ...trustText(certificates.map((certificate) => certificate.toString())),
    authorities: certificates.map(({ subject, issuer, validTo }) => ({
      subject,
      issuer,
      notAfter: new Date(validTo),
    })),
  };
}

/**
 * Reads revocation lists (RFC 5280, section 5), as many as the file has. What is in them is for who
 * uses them to read.
 *
 * @throws {ProxyError} `bad_config`, in words for who wrote the config
 */
export async function readRevocations(path: string): Promise<TrustText> {
  const blocks = await readBlocks(path, { role: "CRL", labels: ["X509 CRL"] });
  return trustText(blocks.map(({ pem }) => pem));
}

/** OpenSSL's own form: a certificate, and what it is trusted for or not. */
const HINTED = "TRUSTED CERTIFICATE";

/** The label, the one it had before, and one that must not be left out without a word. */
const AUTHORITY_LABELS = ["CERTIFICATE", "X509 CERTIFICATE", HINTED];

async function readBlocks(
  path: string,
  { role, labels }: { role: PemRole; labels: readonly string[] },
): Promise<readonly PemBlock[]> {
  const text = await readTextFile(path).catch((error) => {
    throw cannotRead(role, `${path} ${messageOf(error)}`, { cause: error });
  });
  const blocks = pemBlocks(text, { role, path }).filter(({ label }) => labels.includes(label));
  if (blocks.length > 0) return blocks;
  const hint = derHint(text, { path, tool: labels[0] === "X509 CRL" ? "crl" : "x509" });
  throw cannotRead(role, `${path} holds no PEM block "${labels[0]}"${hint}`);
}

function trustText(pems: readonly string[]): TrustText {
  const pem = pems.join("");
  return { pem, digest: createHash("sha256").update(pem).digest("hex") };
}
