// @peculiar/x509 needs the metadata API to be there before it.
import "reflect-metadata";
import { createHash, X509Certificate } from "node:crypto";
import { AuthorityKeyIdentifierExtension, X509Certificate as Parsed } from "@peculiar/x509";
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

/** Reads the leaf of a PEM chain; undefined where that is none. */
export function readIssuedLeaf(chain: string): IssuedLeaf | undefined {
  try {
    const leaf = new X509Certificate(chain);
    const digest = createHash("sha256").update(leaf.raw).digest();
    return {
      notBefore: Date.parse(leaf.validFrom),
      notAfter: Date.parse(leaf.validTo),
      names: (leaf.subjectAltName ?? "").split(", ")
        .filter((name) => name.startsWith("DNS:"))
        .map((name) => name.slice("DNS:".length).toLowerCase()),
      identifier: identifierOf(new Uint8Array(leaf.raw)),
      chance: digest.readUInt32BE(0) / 2 ** 32,
    };
  } catch {
    return undefined;
  }
}

function identifierOf(der: Uint8Array<ArrayBuffer>): string | undefined {
  const parsed = new Parsed(der);
  const keyId = parsed.getExtension(AuthorityKeyIdentifierExtension)?.keyId;
  if (keyId === undefined) return undefined;
  const serial = Uint8Array.fromHex(parsed.serialNumber);
  return renewalIdentifier(Uint8Array.fromHex(keyId), withSign(serial));
}

/** The library leaves out the zero that keeps an INTEGER positive (X.690, section 8.3). */
function withSign(serial: Uint8Array): Uint8Array {
  return (serial[0] ?? 0) < 0x80 ? serial : new Uint8Array([0, ...serial]);
}
