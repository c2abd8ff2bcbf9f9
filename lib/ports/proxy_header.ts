import type { Address } from "../core/address.ts";
import { ipBytes, ipText, unmapped } from "../core/ip.ts";
import { crc32c } from "./crc32c.ts";

/**
 * The PROXY protocol's header, by which a proxy in front tells whose connection this really is
 * (HAProxy's doc/proxy-protocol.txt, 2020/03/05; the sections named here are its). Bytes in, facts
 * out.
 */

/** Longest header read, in bytes: room for the certificate's facts that balancers add. */
export const MAX_PROXY_HEADER_BYTES = 4 * 1024;

/** What a connection's first bytes are, as far as they have come. */
export type ProxyHeaderReading =
  | { readonly kind: "incomplete" }
  | { readonly kind: "invalid"; readonly reason: string }
  /** `length` is that of the header: what follows is the client's. */
  | { readonly kind: "header"; readonly header: ProxyHeader; readonly length: number };

/** What a PROXY header says. */
export interface ProxyHeader {
  readonly version: "v1" | "v2";
  /**
   * The client's connection to the proxy in front; undefined for one that this proxy makes for
   * itself, such as a check, and where it cannot tell.
   */
  readonly origin: ProxiedOrigin | undefined;
  /** What version 2 says beyond addresses (section 2.2), in order. */
  readonly vectors: readonly ProxyVector[];
}

/** Both ends of a client's connection to the proxy in front. */
export interface ProxiedOrigin {
  readonly peer: Address;
  readonly local: Address;
}

/** A value by its type (TLV), as it came. */
export interface ProxyVector {
  readonly type: number;
  readonly value: Uint8Array;
}

/** Reads the header that a connection begins with. Whatever it is not is said as soon as it shows. */
export function readProxyHeader(bytes: Uint8Array): ProxyHeaderReading {
  if (bytes.length === 0) return INCOMPLETE;
  if (beginsLike(bytes, SIGNATURE_V2)) return readV2(bytes);
  if (beginsLike(bytes, SIGNATURE_V1)) return readV1(bytes);
  return invalid("it does not begin with a PROXY header");
}

/** Whether the bytes begin with such a header, for sure. */
export function beginsWithProxyHeader(bytes: Uint8Array): boolean {
  return [SIGNATURE_V1, SIGNATURE_V2].some((signature) =>
    bytes.length >= signature.length && beginsLike(bytes, signature)
  );
}

const INCOMPLETE = { kind: "incomplete" } as const;

/** Section 2.1. */
const SIGNATURE_V1 = new TextEncoder().encode("PROXY ");
/** Section 2.2. */
const SIGNATURE_V2 = new Uint8Array([
  ...[0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a],
]);

/** Whether the bytes have the signature, or may come to have it. */
function beginsLike(bytes: Uint8Array, signature: Uint8Array): boolean {
  const shown = Math.min(bytes.length, signature.length);
  for (let at = 0; at < shown; at++) if (bytes[at] !== signature[at]) return false;
  return true;
}

function invalid(reason: string): ProxyHeaderReading {
  return { kind: "invalid", reason };
}

/** Section 2.1: the longest line, with its end. */
const MAX_LINE_BYTES = 107;
const CR = 0x0d;
const LF = 0x0a;

function readV1(bytes: Uint8Array): ProxyHeaderReading {
  const line = bytes.subarray(0, MAX_LINE_BYTES);
  const end = line.findIndex((byte) => byte === CR || byte === LF);
  if (end < 0 || (end === line.length - 1 && line[end] === CR)) {
    return line.length === MAX_LINE_BYTES
      ? invalid(`a PROXY line over ${MAX_LINE_BYTES} bytes`)
      : INCOMPLETE;
  }
  if (line[end] !== CR || line[end + 1] !== LF) return invalid("a PROXY line without CR LF");
  const words = new TextDecoder("latin1").decode(line.subarray(SIGNATURE_V1.length, end));
  const length = end + 2;
  if (/^UNKNOWN(?: |$)/.test(words)) return v1(undefined, length);
  const match = /^TCP([46]) (\S+) (\S+) (\S+) (\S+)$/.exec(words);
  if (match === null) return invalid("a malformed PROXY line");
  const [, family, source = "", target = "", from = "", to = ""] = match;
  const size = family === "4" ? 4 : 16;
  const [peer, local] = [ipBytes(source), ipBytes(target)];
  if (peer?.length !== size || local?.length !== size) {
    return invalid(`a PROXY line without IPv${family} addresses`);
  }
  if (!isPort(from) || !isPort(to)) return invalid("a PROXY line without ports");
  return v1({
    peer: { host: ipText(unmapped(peer)), port: Number(from) },
    local: { host: ipText(unmapped(local)), port: Number(to) },
  }, length);
}

function v1(origin: ProxiedOrigin | undefined, length: number): ProxyHeaderReading {
  return { kind: "header", header: { version: "v1", origin, vectors: [] }, length };
}

/** Section 2.1: decimal, without leading zeros. */
function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65535;
}

/** Signature, command, family and length. */
const V2_HEADER_BYTES = 16;
const COMMAND = { local: 0, proxy: 1 } as const;
/** Section 2.2: bytes of a pair of addresses, by family; `unix` has two paths. */
const ADDRESS_BYTES = [0, 12, 36, 216] as const;
const STREAM = 1;
const MAX_TRANSPORT = 2;

function readV2(bytes: Uint8Array): ProxyHeaderReading {
  const [versionAndCommand, familyAndTransport, high, low] = bytes.subarray(SIGNATURE_V2.length);
  if (versionAndCommand === undefined) return INCOMPLETE;
  const command = versionAndCommand & 0xf;
  if (versionAndCommand >> 4 !== 2) return invalid("a PROXY header of an unknown version");
  if (command > COMMAND.proxy) return invalid("an unknown PROXY command");
  if (familyAndTransport === undefined) return INCOMPLETE;
  // section 2.2: nothing behind LOCAL is to be looked at, the family included
  const isLocal = command === COMMAND.local;
  const family = isLocal ? 0 : familyAndTransport >> 4;
  const transport = isLocal ? 0 : familyAndTransport & 0xf;
  const addressBytes = ADDRESS_BYTES[family];
  if (addressBytes === undefined || transport > MAX_TRANSPORT) {
    return invalid("an unknown PROXY address family");
  }
  if (high === undefined || low === undefined) return INCOMPLETE;
  const length = V2_HEADER_BYTES + high * 256 + low;
  if (length > MAX_PROXY_HEADER_BYTES) {
    return invalid(`a PROXY header over ${MAX_PROXY_HEADER_BYTES} bytes`);
  }
  if (isLocal) return bytes.length < length ? INCOMPLETE : v2(undefined, [], length);
  if (length < V2_HEADER_BYTES + addressBytes) return invalid("a PROXY header cut short");
  if (bytes.length < length) return INCOMPLETE;
  const header = bytes.subarray(0, length);
  const vectors = readVectors(header, V2_HEADER_BYTES + addressBytes);
  if (vectors === undefined) return invalid("a malformed vector in a PROXY header");
  if (!hasRightChecksum(header, vectors)) return invalid("a PROXY header with a wrong checksum");
  const origin = transport === STREAM
    ? readAddresses(header.subarray(V2_HEADER_BYTES), family)
    : undefined;
  return v2(origin, vectors, length);
}

function v2(
  origin: ProxiedOrigin | undefined,
  vectors: readonly ProxyVector[],
  length: number,
): ProxyHeaderReading {
  return { kind: "header", header: { version: "v2", origin, vectors }, length };
}

/** Section 2.2: both addresses, then both ports; of other families than IP nothing is known. */
function readAddresses(bytes: Uint8Array, family: number): ProxiedOrigin | undefined {
  if (family !== 1 && family !== 2) return undefined;
  const size = family === 1 ? 4 : 16;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const host = (at: number) => ipText(unmapped(bytes.subarray(at, at + size)));
  return {
    peer: { host: host(0), port: view.getUint16(2 * size) },
    local: { host: host(size), port: view.getUint16(2 * size + 2) },
  };
}

/** Section 2.2: type, length and value, to the very end; undefined where they are not that. */
function readVectors(bytes: Uint8Array, from: number): ProxyVector[] | undefined {
  const vectors: ProxyVector[] = [];
  for (let at = from; at < bytes.length;) {
    const [type, high, low] = bytes.subarray(at, at + 3);
    if (type === undefined || high === undefined || low === undefined) return undefined;
    const begin = at + 3;
    const end = begin + high * 256 + low;
    if (end > bytes.length) return undefined;
    vectors.push({ type, value: bytes.slice(begin, end) });
    at = end;
  }
  return vectors;
}

/** Section 2.2.3: of the whole header, with zeros where the checksum stands. */
const CHECKSUM_TYPE = 0x03;

function hasRightChecksum(header: Uint8Array, vectors: readonly ProxyVector[]): boolean {
  let end = header.length - vectors.reduce((sum, { value }) => sum + 3 + value.length, 0);
  for (const { type, value } of vectors) {
    end += 3 + value.length;
    if (type !== CHECKSUM_TYPE) continue;
    if (value.length !== 4) return false;
    const zeroed = header.slice();
    zeroed.fill(0, end - 4, end);
    if (crc32c(zeroed) !== new DataView(value.buffer, value.byteOffset).getUint32(0)) return false;
  }
  return true;
}
