import { ipBytes, withoutZone } from "./ip.ts";

/**
 * What a client is counted by, where so much is for each: its address, or the network of that. One who
 * has IPv6 has a /64 at the least, and all of its addresses (RFC 6177); behind the prefix of
 * translators (RFC 6052, section 2.1) stands an IPv4 address, of another client each.
 */
export function clientKey(address: string): string {
  if (!address.includes(":")) return address;
  const bytes = ipBytes(withoutZone(address));
  if (bytes?.length !== 16) return address;
  const isTranslated = TRANSLATED.every((byte, index) => bytes[index] === byte);
  return isTranslated ? bytes.toHex() : bytes.subarray(0, 8).toHex();
}

/** `64:ff9b::/96`. */
const TRANSLATED = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];
