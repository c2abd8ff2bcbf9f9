import { isIPv4, isIPv6 } from "node:net";
import { type Address, withoutMapping } from "../core/address.ts";
import type { TlsFacts } from "../core/tls_facts.ts";

/**
 * The PROXY protocol's header, which tells a server whose connection this really is (HAProxy's
 * doc/proxy-protocol.txt, 2020/03/05; the sections named here are its). Values in, bytes out.
 */

/** `v1` is one line of text, `v2` binary and with the facts of TLS. */
export type ProxyProtocolVersion = "v1" | "v2";

/** The connection that is spoken for; undefined for one that the proxy makes for itself. */
export interface Origin {
  readonly peer: Address;
  readonly local: Address;
  readonly tls?: TlsFacts;
}

/** The header to send before anything else. */
export function encodeProxyHeader(
  version: ProxyProtocolVersion,
  origin: Origin | undefined,
): Uint8Array<ArrayBuffer> {
  return version === "v1" ? encodeV1(origin) : encodeV2(origin);
}

/** Section 2.1: one line of text. */
function encodeV1(origin: Origin | undefined): Uint8Array<ArrayBuffer> {
  const pair = origin === undefined ? undefined : addressPair(origin);
  const line = pair === undefined
    ? "PROXY UNKNOWN\r\n"
    : `PROXY TCP${pair.family} ${pair.source} ${pair.target} ${pair.ports.join(" ")}\r\n`;
  return new TextEncoder().encode(line);
}

/** Section 2.2. */
const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const VERSION_AND_COMMAND = { local: 0x20, proxy: 0x21 } as const;
const FAMILY_AND_PROTOCOL = { unspecified: 0x00, 4: 0x11, 6: 0x21 } as const;

/** Section 2.2.1 and below: types of the vectors behind the addresses. */
const TYPE = { alpn: 0x01, authority: 0x02, ssl: 0x20, sslVersion: 0x21, sslCipher: 0x23 } as const;
/** Section 2.2.6: the client came over TLS; it showed no certificate that was verified. */
const CLIENT_SSL = 0x01;
const NOT_VERIFIED = [0, 0, 0, 1];

function encodeV2(origin: Origin | undefined): Uint8Array<ArrayBuffer> {
  const pair = origin === undefined ? undefined : addressPair(origin);
  const command = origin === undefined ? VERSION_AND_COMMAND.local : VERSION_AND_COMMAND.proxy;
  const addresses = pair === undefined
    ? []
    : [...addressBytes(pair.source), ...addressBytes(pair.target), ...pair.ports.flatMap(uint16)];
  const rest = [...addresses, ...(origin?.tls === undefined ? [] : tlsVectors(origin.tls))];
  return new Uint8Array([
    ...SIGNATURE,
    command,
    FAMILY_AND_PROTOCOL[pair?.family ?? "unspecified"],
    ...uint16(rest.length),
    ...rest,
  ]);
}

function tlsVectors({ alpn, sni, protocol, cipher }: TlsFacts): number[] {
  return [
    ...vector(TYPE.alpn, alpn),
    ...vector(TYPE.authority, sni),
    ...vector(TYPE.ssl, [
      CLIENT_SSL,
      ...NOT_VERIFIED,
      ...vector(TYPE.sslVersion, protocol),
      ...vector(TYPE.sslCipher, cipher),
    ]),
  ];
}

/** Section 2.2: type, length, value; nothing for what is not known. */
function vector(type: number, value: string | number[] | undefined): number[] {
  if (value === undefined) return [];
  const bytes = typeof value === "string" ? [...new TextEncoder().encode(value)] : value;
  return [type, ...uint16(bytes.length), ...bytes];
}

function uint16(value: number): number[] {
  return [value >> 8 & 0xff, value & 0xff];
}

interface AddressPair {
  readonly family: 4 | 6;
  readonly source: string;
  readonly target: string;
  readonly ports: readonly [number, number];
}

/** Both ends in one family; undefined where they are no IP addresses. */
function addressPair({ peer, local }: Origin): AddressPair | undefined {
  const [source, target] = [bareHost(peer.host), bareHost(local.host)];
  const ports = [peer.port, local.port] as const;
  if (isIPv4(source) && isIPv4(target)) return { family: 4, source, target, ports };
  const [source6, target6] = [toIPv6(source), toIPv6(target)];
  if (source6 === undefined || target6 === undefined) return undefined;
  return { family: 6, source: source6, target: target6, ports };
}

/** A host without its mapping into IPv6, and without the zone that only this machine knows. */
function bareHost(host: string): string {
  return withoutMapping(host).replace(/%.*$/, "");
}

function toIPv6(host: string): string | undefined {
  if (isIPv6(host)) return host;
  return isIPv4(host) ? `::ffff:${host}` : undefined;
}

function addressBytes(host: string): number[] {
  if (isIPv4(host)) return host.split(".").map(Number);
  // the last 32 bits may be written as IPv4 (RFC 4291, section 2.2)
  const text = host.replace(/\d+\.\d+\.\d+\.\d+$/, (dotted) => {
    const [a = 0, b = 0, c = 0, d = 0] = dotted.split(".").map(Number);
    return `${(a << 8 | b).toString(16)}:${(c << 8 | d).toString(16)}`;
  });
  const [head = "", tail] = text.split("::");
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => 0);
  return [...left, ...zeros, ...right].flatMap(uint16);
}

function groups(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => parseInt(group, 16));
}
