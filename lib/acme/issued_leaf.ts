import { createHash, X509Certificate } from "node:crypto";
import { readCertificate } from "../certificates/certificate.ts";
import type { IssuedCertificate } from "./keeper.ts";
import { renewalIdentifier, type Validity } from "./renewal.ts";

/** What renewing goes by of a certificate that a CA has issued. */
export interface IssuedLeaf extends Validity {
  /** DNS names, lower case. */
  readonly names: readonly string[];
  /** What the CA calls it in renewal (RFC 9773, section 4.1); undefined without the extension. */
  readonly identifier: string | undefined;
  /** From 0 to 1, by chance, and the same for the same certificate. */
  readonly chance: number;
}

/** Reads the leaf of a chain; undefined where that is none, or is not whole together with its key. */
export async function readIssuedLeaf(
  { chain, key }: IssuedCertificate,
): Promise<IssuedLeaf | undefined> {
  try {
    // as it is served, or not
    await readCertificate({ cert: chain, key }, { cert: "fullchain.pem", key: "privkey.pem" });
    const leaf = new X509Certificate(chain);
    const digest = createHash("sha256").update(leaf.raw).digest();
    return {
      notBefore: Date.parse(leaf.validFrom),
      notAfter: Date.parse(leaf.validTo),
      names: (leaf.subjectAltName ?? "").split(", ")
        .filter((name) => name.startsWith("DNS:"))
        .map((name) => name.slice("DNS:".length).toLowerCase()),
      identifier: await identifierOf(new Uint8Array(leaf.raw)),
      chance: digest.readUInt32BE(0) / 2 ** 32,
    };
  } catch {
    return undefined;
  }
}

/** The library is loaded here: a fifth of what a start takes, and of no use to those without ACME. */
async function identifierOf(der: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  // it needs the metadata API to be there before it
  await import("reflect-metadata");
  const { AuthorityKeyIdentifierExtension, X509Certificate } = await import("@peculiar/x509");
  const parsed = new X509Certificate(der);
  const keyId = parsed.getExtension(AuthorityKeyIdentifierExtension)?.keyId;
  if (keyId === undefined) return undefined;
  const serial = Uint8Array.fromHex(parsed.serialNumber);
  return renewalIdentifier(Uint8Array.fromHex(keyId), withSign(serial));
}

/** The library leaves out the zero that keeps an INTEGER positive (X.690, section 8.3). */
function withSign(serial: Uint8Array): Uint8Array {
  return (serial[0] ?? 0) < 0x80 ? serial : new Uint8Array([0, ...serial]);
}
