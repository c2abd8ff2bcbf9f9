import { ProxyError } from "../core/errors.ts";

/** A block of a PEM text (RFC 7468). */
export interface PemBlock {
  /** Such as `CERTIFICATE`. */
  readonly label: string;
  /** The block with its first and last line. */
  readonly pem: string;
}

/** What a file is to hold. */
export type PemRole = "certificate" | "key" | "passphrase";

/**
 * The blocks of a text; what stands between them is left out.
 *
 * @throws {ProxyError} `bad_config` where the text ends amid a block, as a file does that is still
 *   being written: without this a chain would silently be served without its last certificate
 */
export function pemBlocks(text: string, { role, path }: PemSource): readonly PemBlock[] {
  const blocks = text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^]*?-----END \1-----/g)
    .map(([pem, label = ""]) => ({ label, pem: `${pem}\n` }))
    .toArray();
  const begun = text.matchAll(/^-----BEGIN [A-Z0-9 ]+-----/gm).toArray().length;
  if (begun > blocks.length) throw cannotRead(role, `${path} ends amid a PEM block`);
  return blocks;
}

/** Where a text comes from, for messages. */
export interface PemSource {
  readonly role: PemRole;
  readonly path: string;
}

/** Whether a block is a private key, in whatever form. */
export function isKeyBlock({ label }: PemBlock): boolean {
  return label.endsWith("PRIVATE KEY");
}

/** What to say of a text that should be PEM and may be DER; "" where it is not that. */
export function derHint(text: string): string {
  // a SEQUENCE of two length bytes, of which reading as UTF-8 left the first
  return text.startsWith("0\ufffd") ? "; it looks like DER, which must be converted to PEM" : "";
}

/** The error of a file that cannot be used. */
export function cannotRead(role: PemRole, what: string, options?: ErrorOptions): ProxyError {
  return new ProxyError("bad_config", `Cannot read the ${role}: ${what}`, options);
}
