import { isIP } from "node:net";

/**
 * The bytes of an IP address in network order: 4 of IPv4, 16 of IPv6. Undefined for whatever else,
 * and for an address with a zone: it means nothing outside its own machine.
 */
export function ipBytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  switch (isIP(text)) {
    case 4:
      return Uint8Array.from(text.split("."), Number);
    case 6:
      return text.includes("%") ? undefined : ipv6Bytes(text);
    default:
      return undefined;
  }
}

/** The address of these 4 or 16 bytes in its one canonical form (RFC 5952, sections 4.1 to 4.3). */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = groupsOf(bytes);
  const zeros = longestZeros(groups);
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  if (zeros.length < 2) return text(groups);
  return `${text(groups.slice(0, zeros.at))}::${text(groups.slice(zeros.at + zeros.length))}`;
}

/** IPv4 of an address that comes mapped into IPv6 (RFC 4291, section 2.5.5.2); others as they are. */
export function unmapped<B extends Uint8Array>(bytes: B): B | Uint8Array {
  const isMapped = bytes.length === 16 && MAPPED.every((byte, at) => bytes[at] === byte);
  return isMapped ? bytes.subarray(MAPPED.length) : bytes;
}

/** The same the other way round. */
export function mapped(bytes: Uint8Array): Uint8Array {
  return bytes.length === 16 ? bytes : new Uint8Array([...MAPPED, ...bytes]);
}

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** 4 or 6 for an IP address, with a zone or without; 0 for whatever else. */
export function ipVersion(text: string): number {
  return isIP(withoutZone(text));
}

/** `fe80::1%eth0` without what only this machine understands. */
export function withoutZone(address: string): string {
  const zone = address.indexOf("%");
  return zone < 0 ? address : address.slice(0, zone);
}

/**
 * The first and the last address of a network in CIDR notation (RFC 4632, section 3.1); of a single
 * address that one twice. Undefined where it is neither.
 */
export function networkEnds(cidr: string): readonly [first: string, last: string] | undefined {
  const [, address = "", digits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(cidr) ?? [];
  const bytes = ipBytes(address);
  if (bytes === undefined) return undefined;
  const bits = digits === undefined ? 8 * bytes.length : Number(digits);
  if (bits > 8 * bytes.length) return undefined;
  // as many bits of each byte as belong to the host, from the last on
  const free = (at: number) => 0xff >> Math.min(8, Math.max(0, bits - 8 * at));
  return [
    ipText(bytes.map((byte, at) => byte & ~free(at))),
    ipText(bytes.map((byte, at) => byte | free(at))),
  ];
}

function ipv6Bytes(text: string): Uint8Array<ArrayBuffer> {
  // the last two groups may be written as IPv4 (RFC 4291, section 2.2)
  const hex = text.replace(/\d+\.\d+\.\d+\.\d+$/, (dotted) => {
    const [a = 0, b = 0, c = 0, d = 0] = dotted.split(".").map(Number);
    return `${(a << 8 | b).toString(16)}:${(c << 8 | d).toString(16)}`;
  });
  const [head = "", tail = ""] = hex.split("::");
  const [left, right] = [head, tail].map((part) => part === "" ? [] : part.split(":"));
  const view = new DataView(new ArrayBuffer(16));
  left?.forEach((group, at) => view.setUint16(2 * at, parseInt(group, 16)));
  right?.toReversed().forEach((group, at) => view.setUint16(14 - 2 * at, parseInt(group, 16)));
  return new Uint8Array(view.buffer);
}

function groupsOf(bytes: Uint8Array): readonly number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Array.from({ length: 8 }, (_, at) => view.getUint16(2 * at));
}

/** The longest run of groups that are 0, the first of those alike. */
function longestZeros(groups: readonly number[]): { readonly at: number; readonly length: number } {
  let longest = { at: 0, length: 0 };
  for (let at = 0; at < groups.length; at++) {
    let end = at;
    while (groups[end] === 0) end++;
    if (end - at > longest.length) longest = { at, length: end - at };
    at = end;
  }
  return longest;
}
