import { STANDARD_METHODS } from "../core/methods.ts";
import { ipAddress, isHostName } from "../core/host_name.ts";
import { beginsWithProxyHeader } from "../ports/proxy_header.ts";
import { CLIENT_HELLO, HANDSHAKE_RECORD, HelloGatherer } from "./client_hello_records.ts";
import { ALERT, Cursor, malformed, Refusal } from "./wire.ts";

export { MAX_CLIENT_HELLO_BYTES } from "./client_hello_records.ts";

/** What a client says of itself in the first message of a TLS handshake. */
export interface ClientHello {
  /**
   * Protocol versions offered, in the client's order, 0x0304 being TLS 1.3: `supported_versions`
   * (RFC 8446, section 4.2.1), else the one legacy version. Here and in the other lists GREASE
   * values (RFC 8701) are kept.
   */
  readonly versions: readonly number[];
  /** Host name asked for, lower case, no trailing dot; absent where none or an IP address was sent. */
  readonly sni: string | undefined;
  /** Protocol names offered (RFC 7301), one character a byte, in the client's order. */
  readonly alpn: readonly string[];
  readonly cipherSuites: readonly number[];
  readonly signatureAlgorithms: readonly number[];
  /** Groups of the key exchange (RFC 8446, section 4.2.7); none where none were sent. */
  readonly groups: readonly number[];
  /**
   * The first session ticket offered (RFC 5077; RFC 8446, section 4.2.11), as it was sent; absent
   * where none was.
   */
  readonly ticket: Uint8Array | undefined;
}

/** What the first bytes of a connection are. */
export type ClientHelloReading =
  /** More bytes are needed to say. */
  | { readonly kind: "incomplete" }
  | { readonly kind: "hello"; readonly hello: ClientHello }
  /** An HTTP request without TLS. */
  | { readonly kind: "plain_http" }
  /** No ClientHello; `alert` is the AlertDescription to answer with (RFC 8446, section 6). */
  | { readonly kind: "invalid"; readonly reason: string; readonly alert: number };

/**
 * Reads the ClientHello that a TLS connection begins with (RFC 8446, sections 4.1.2 and 5.1).
 *
 * Give it all bytes received so far, again after each read: whatever follows the hello's last
 * record is left alone, and what was once told of a prefix stays so. It never throws, and of
 * `MAX_CLIENT_HELLO_BYTES` bytes it never says "incomplete".
 *
 * @example
 * ```ts
 * import { readClientHello } from "./client_hello.ts";
 *
 * const reading = readClientHello(new TextEncoder().encode("GET / HTTP/1.1\r\n"));
 * console.assert(reading.kind === "plain_http");
 * ```
 */
export function readClientHello(bytes: Uint8Array): ClientHelloReading {
  return new ClientHelloReader().read(bytes);
}

/** The same for one connection, of which each byte is looked at once. */
export class ClientHelloReader {
  readonly #gatherer = new HelloGatherer();

  /** @param bytes all that was received so far, again after each read */
  read(bytes: Uint8Array): ClientHelloReading {
    try {
      const first = bytes[0];
      if (first === undefined) return INCOMPLETE;
      if (first !== HANDSHAKE_RECORD) return readOtherProtocol(bytes);
      const message = this.#gatherer.gather(bytes);
      return message === undefined ? INCOMPLETE : { kind: "hello", hello: parseHello(message) };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { kind: "invalid", reason: error.message, alert: ALERT[error.alert] };
    }
  }
}

/**
 * The TLS record of a fatal alert, for a connection without keys yet (RFC 8446, section 6).
 *
 * @param description AlertDescription, such as 112 for unrecognized_name
 * @throws {RangeError} where it is not one byte
 */
export function alertRecord(description: number): Uint8Array<ArrayBuffer> {
  if (!Number.isInteger(description) || description < 0 || description > 255) {
    throw new RangeError(`An alert description is 0 to 255, not ${description}`);
  }
  return Uint8Array.of(ALERT_RECORD, 3, 3, 0, 2, FATAL, description);
}

const INCOMPLETE: ClientHelloReading = { kind: "incomplete" };

// ContentType and AlertLevel (RFC 8446, sections 5.1 and 6).
const ALERT_RECORD = 21;
const FATAL = 2;

const SSL_3_0 = 0x0300;
const TLS_1_2 = 0x0303;

const EXTENSION = {
  server_name: 0,
  supported_groups: 10,
  signature_algorithms: 13,
  application_layer_protocol_negotiation: 16,
  session_ticket: 35,
  pre_shared_key: 41,
  supported_versions: 43,
} as const;

/**
 * Entries of a list that a client may send: more than there are extensions, cipher suites, signature
 * algorithms or groups (IANA's registries). The library goes through some of them again for each
 * other, and whoever sends thousands means only to be work.
 */
const MAX_LISTED = 512;

const UNASKED_HEADER = "a PROXY header, of a peer that proxy_protocol.from does not name";

/** Requests of HTTP/1, and the preface of HTTP/2 (RFC 9113, section 3.4). */
const HTTP_BEGINNINGS = [
  ...STANDARD_METHODS.map((method) => `${method} `),
  "PRI * HTTP/2.0",
];

function readOtherProtocol(bytes: Uint8Array): ClientHelloReading {
  const start = String.fromCharCode(...bytes.subarray(0, 16));
  if (HTTP_BEGINNINGS.some((beginning) => start.startsWith(beginning))) {
    return { kind: "plain_http" };
  }
  if (HTTP_BEGINNINGS.some((beginning) => beginning.startsWith(start))) return INCOMPLETE;
  // RFC 6101, appendix E: the two-byte header of SSLv2, then its message type.
  if ((start.charCodeAt(0) & 0x80) !== 0 && bytes[2] === CLIENT_HELLO) {
    throw new Refusal("protocol_version", "an SSLv2 hello");
  }
  const isProxied = beginsWithProxyHeader(bytes);
  throw new Refusal("unexpected_message", isProxied ? UNASKED_HEADER : "not a TLS handshake");
}

function parseHello(message: Uint8Array): ClientHello {
  const cursor = new Cursor(message);
  const legacyVersion = cursor.uint16();
  if (legacyVersion <= SSL_3_0) {
    // RFC 8446, appendix D.5.
    throw new Refusal("protocol_version", "a hello of SSL 3.0 or older");
  }
  cursor.take(32); // random
  if (cursor.vector8().length > 32) throw malformed();
  const cipherSuites = parseUint16List(cursor.vector16(), "cipher suites");
  if (cursor.vector8().length === 0) throw malformed(); // compression methods
  // Up to TLS 1.2 a hello may end here (RFC 5246, section 7.4.1.2).
  const extensions = cursor.atEnd ? new Map<number, Cursor>() : parseExtensions(cursor.vector16());
  cursor.end();

  const versions = extensions.get(EXTENSION.supported_versions);
  const signatures = extensions.get(EXTENSION.signature_algorithms);
  const groups = extensions.get(EXTENSION.supported_groups);
  const names = extensions.get(EXTENSION.server_name);
  const protocols = extensions.get(EXTENSION.application_layer_protocol_negotiation);
  return {
    // RFC 8446, section 4.2.1: without the extension TLS 1.2 is the most that can be agreed on.
    versions: versions === undefined
      ? [Math.min(legacyVersion, TLS_1_2)]
      : parseUint16List(sole(versions, versions.vector8()), "versions"),
    sni: names === undefined ? undefined : parseServerName(sole(names, names.vector16())),
    alpn: protocols === undefined ? [] : parseAlpn(sole(protocols, protocols.vector16())),
    cipherSuites,
    signatureAlgorithms: signatures === undefined
      ? []
      : parseUint16List(sole(signatures, signatures.vector16()), "signature algorithms"),
    groups: groups === undefined ? [] : parseUint16List(sole(groups, groups.vector16()), "groups"),
    ticket: parseTicket(
      extensions.get(EXTENSION.pre_shared_key),
      extensions.get(EXTENSION.session_ticket),
    ),
  };
}

/** The first identity of TLS 1.3, else the ticket of TLS 1.2; an empty one asks for a ticket. */
function parseTicket(
  preSharedKey: Cursor | undefined,
  sessionTicket: Cursor | undefined,
): Uint8Array | undefined {
  const ticket = preSharedKey === undefined ? sessionTicket : preSharedKey.vector16().vector16();
  return ticket === undefined || ticket.length === 0 ? undefined : ticket.take(ticket.length);
}

/** Extensions by type (RFC 8446, section 4.2). */
function parseExtensions(cursor: Cursor): Map<number, Cursor> {
  const extensions = new Map<number, Cursor>();
  while (!cursor.atEnd) {
    const type = cursor.uint16();
    if (extensions.has(type)) {
      throw new Refusal("illegal_parameter", `extension ${type} sent twice`);
    }
    if (extensions.size === MAX_LISTED) throw tooMany("extensions");
    extensions.set(type, cursor.vector16());
  }
  return extensions;
}

/** The host name of a ServerNameList (RFC 6066, section 3). */
function parseServerName(cursor: Cursor): string | undefined {
  if (cursor.atEnd) throw malformed();
  let name: string | undefined;
  while (!cursor.atEnd) {
    const type = cursor.uint8();
    const value = cursor.vector16();
    if (type !== 0) continue; // Every NameType begins with a two-byte length.
    if (name !== undefined) throw new Refusal("illegal_parameter", "several server names");
    if (value.atEnd) throw malformed();
    name = value.text();
  }
  return name === undefined ? undefined : readHostName(name);
}

function readHostName(sent: string): string | undefined {
  const name = sent.toLowerCase().replace(/\.$/, "");
  if (isHostName(name)) return name;
  // RFC 6066 forbids addresses here, but clients send them, also as a URL has them: they name no
  // certificate.
  const [, bracketed = name] = /^\[(.*)\]$/.exec(name) ?? [];
  if (ipAddress(bracketed) !== undefined) return undefined;
  throw new Refusal("illegal_parameter", "an invalid server name");
}

/** A ProtocolNameList (RFC 7301, section 3.1). */
/** Names behind the first hundreds are not looked at: a client may have made any number of them up. */
function parseAlpn(cursor: Cursor): string[] {
  const names: string[] = [];
  if (cursor.atEnd) throw malformed();
  while (!cursor.atEnd && names.length < MAX_LISTED) {
    const name = cursor.vector8();
    if (name.atEnd) throw malformed();
    names.push(name.text());
  }
  return names;
}

/** @param what its entries are */
function parseUint16List(cursor: Cursor, what: string): number[] {
  if (cursor.length > 2 * MAX_LISTED) throw tooMany(what);
  const numbers: number[] = [];
  if (cursor.atEnd) throw malformed();
  while (!cursor.atEnd) numbers.push(cursor.uint16());
  return numbers;
}

function tooMany(what: string): Refusal {
  return new Refusal("illegal_parameter", `too many ${what}`);
}

/** The vector, where nothing follows it in its extension. */
function sole(extension: Cursor, vector: Cursor): Cursor {
  extension.end();
  return vector;
}
