import type { Address } from "../core/address.ts";
import { ipBytes, ipText, mapped, unmapped, withoutZone } from "../core/ip.ts";
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
    : `PROXY TCP${pair.family} ${textOf(pair.source)} ${textOf(pair.target)} ` +
      `${pair.ports.join(" ")}\r\n`;
  return new TextEncoder().encode(line);
}

/** IPv4 in IPv6 with its dots (RFC 5952, section 5), for those who look for them. */
function textOf(bytes: Uint8Array): string {
  const plain = unmapped(bytes);
  return plain.length < bytes.length ? `::ffff:${ipText(plain)}` : ipText(bytes);
}

/** Section 2.2. */
const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const VERSION_AND_COMMAND = { local: 0x20, proxy: 0x21 } as const;
const FAMILY_AND_PROTOCOL = { unspecified: 0x00, 4: 0x11, 6: 0x21 } as const;

/** Section 2.2.1 and below: types of the vectors behind the addresses. */
const TYPE = { alpn: 0x01, authority: 0x02, ssl: 0x20, sslVersion: 0x21, sslCipher: 0x23 } as const;
/**
 * Section 2.2.6: the client came over TLS, and has shown a certificate on this connection, or on
 * whichever its session began with. The number behind that is 0 where one was verified.
 */
const CLIENT = { ssl: 0x01, certOfConnection: 0x02, certOfSession: 0x04 } as const;
const VERIFIED = [0, 0, 0, 0];
const NOT_VERIFIED = [0, 0, 0, 1];

function encodeV2(origin: Origin | undefined): Uint8Array<ArrayBuffer> {
  const pair = origin === undefined ? undefined : addressPair(origin);
  const command = origin === undefined ? VERSION_AND_COMMAND.local : VERSION_AND_COMMAND.proxy;
  const addresses = pair === undefined
    ? []
    : [...pair.source, ...pair.target, ...pair.ports.flatMap(uint16)];
  const rest = [...addresses, ...(origin?.tls === undefined ? [] : tlsVectors(origin.tls))];
  return new Uint8Array([
    ...SIGNATURE,
    command,
    FAMILY_AND_PROTOCOL[pair?.family ?? "unspecified"],
    ...uint16(rest.length),
    ...rest,
  ]);
}

function tlsVectors(facts: TlsFacts): number[] {
  const { alpn, sni, protocol, cipher, clientCert } = facts;
  return [
    ...vector(TYPE.alpn, alpn),
    ...vector(TYPE.authority, sni),
    ...vector(TYPE.ssl, [
      CLIENT.ssl | certificateFlags(facts),
      ...(clientCert === undefined ? NOT_VERIFIED : VERIFIED),
      ...vector(TYPE.sslVersion, protocol),
      ...vector(TYPE.sslCipher, cipher),
    ]),
  ];
}

/** A certificate that is known of was proved and verified; a session that is resumed brings its own. */
function certificateFlags({ clientCert, resumed }: TlsFacts): number {
  if (clientCert === undefined) return 0;
  return CLIENT.certOfSession | (resumed === true ? 0 : CLIENT.certOfConnection);
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
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  readonly ports: readonly [number, number];
}

/** Both ends in one family; undefined where they are no IP addresses. */
function addressPair({ peer, local }: Origin): AddressPair | undefined {
  const [source, target] = [hostBytes(peer.host), hostBytes(local.host)];
  if (source === undefined || target === undefined) return undefined;
  const ports = [peer.port, local.port] as const;
  if (source.length === 4 && target.length === 4) return { family: 4, source, target, ports };
  return { family: 6, source: mapped(source), target: mapped(target), ports };
}

/** An address without its mapping into IPv6, and without the zone that only this machine knows. */
function hostBytes(host: string): Uint8Array | undefined {
  const bytes = ipBytes(withoutZone(host));
  return bytes && unmapped(bytes);
}
