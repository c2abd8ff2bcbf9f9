import { ipBytes } from "./ip.ts";

/**
 * What a client is counted by, where so much is for each: its address, or the network of that. One who
 * has IPv6 has a /64 at the least, and all of its addresses (RFC 6177).
 */
export function clientKey(address: string): string {
  if (!address.includes(":")) return address;
  const bytes = ipBytes(address.replace(/%.*$/, ""));
  return bytes?.length === 16 ? bytes.subarray(0, 8).toHex() : address;
}
