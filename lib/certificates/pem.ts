import { ProxyError } from "../core/errors.ts";

/** A block of a PEM text (RFC 7468). */
export interface PemBlock {
  /** Such as `CERTIFICATE`. */
  readonly label: string;
  /** The block with its first and last line, without blanks around its lines. */
  readonly pem: string;
}

/** What a file is to hold. */
export type PemRole = "certificate" | "key" | "passphrase" | "CA" | "CRL";

/**
 * The blocks of a text; what stands between them is left out.
 *
 * @throws {ProxyError} `bad_config` where the text ends amid a block, as a file does that is still
 *   being written, and where a line looks like the beginning of one and is none: without this a
 *   chain would silently be served without one of its certificates
 */
export function pemBlocks(text: string, { role, path }: PemSource): readonly PemBlock[] {
  const blocks: PemBlock[] = [];
  let end = 0;
  for (const { 0: line, 1: label = "", index } of text.matchAll(BEGINNING)) {
    const last = `-----END ${label}-----`;
    const at = text.indexOf(last, index + line.length);
    // one that stands in another's block
    if (at < 0 || index < end) throw cannotRead(role, `${path} ends amid a PEM block`);
    end = at + last.length;
    blocks.push({ label, pem: tidy(text.slice(index, end)) });
  }
  const odd = text.split("\n").findIndex(looksLikeBeginning);
  if (odd < 0) return blocks;
  throw cannotRead(
    role,
    `line ${
      odd + 1
    } of ${path} begins no PEM block: it takes five dashes, BEGIN, capital letters ` +
      "and five dashes",
  );
}

const BEGINNING = /-----BEGIN ([A-Z0-9 #]+)-----/g;

/** As with dashes lost or made longer by a word processor, or small letters. */
function looksLikeBeginning(line: string): boolean {
  return /^\s*[-\u2010-\u2015\u2212]+\s*BEGIN .*(?:CERTIFICATE|PRIVATE KEY)/i.test(line) &&
    line.search(BEGINNING) < 0;
}

/** Editors and terminals put blanks around lines; an empty line stands only below headers. */
function tidy(pem: string): string {
  const lines = pem.split("\n").map((line) => line.trim());
  const hasHeaders = lines.some((line) => line.includes(": "));
  return `${(hasHeaders ? lines : lines.filter((line) => line !== "")).join("\n")}\n`;
}

/** What a block holds; undefined where that is no base64, or encrypted by a header of its own. */
export function derOf({ pem }: PemBlock): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.fromBase64(pem.replaceAll(/-----[^\n]*-----/g, ""));
  } catch {
    return undefined;
  }
}

/** The same the other way round. */
export function toPem(label: string, der: Uint8Array): string {
  const lines = der.toBase64().replaceAll(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
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

/**
 * What to say of a text that should be PEM and is something else; "" where that is not known.
 *
 * @param tool the command of openssl that converts what is meant
 */
export function derHint(
  text: string,
  { path, tool }: { path: string; tool: "x509" | "pkey" | "crl" },
): string {
  // every other byte of it is 0
  if (/-\0-\0-/.test(text)) return "; it looks like UTF-16, and must be saved as UTF-8";
  if (!beginsLikeDer(text)) return "";
  // version 3 ahead of all else, behind a length of two bytes (RFC 7292, section 4)
  return text.slice(2, 7).includes("\u0002\u0001\u0003")
    ? `; it looks like PKCS#12, take out what is in it: openssl pkcs12 -nodes -in ${path} -out NEW`
    : `; it looks like DER, convert it: openssl ${tool} -inform DER -in ${path} -out NEW`;
}

/** A SEQUENCE, of whose length reading as UTF-8 left the first byte where there are several. */
function beginsLikeDer(text: string): boolean {
  return text.startsWith("0\ufffd") ||
    // a key of some 100 bytes, which has a length of one byte, and its version first
    text.startsWith("0") && SHORT_KEY.has(text.slice(2, 5));
}

/** The versions of a key (RFC 5915, section 3; RFC 5958, section 2) as INTEGER. */
const SHORT_KEY: ReadonlySet<string> = new Set(["\u0002\u0001\0", "\u0002\u0001\u0001"]);

/** The error of a file that cannot be used. */
export function cannotRead(role: PemRole, what: string, options?: ErrorOptions): ProxyError {
  return new ProxyError("bad_config", `Cannot read the ${role}: ${what}`, options);
}

/** The key of the configuration whose file an error of `cannotRead` is about. */
export function keyToBlame({ message }: ProxyError): "cert" | "key" | "passphrase_file" {
  if (message.startsWith("Cannot read the key: ")) return "key";
  return message.startsWith("Cannot read the passphrase: ") ? "passphrase_file" : "cert";
}
