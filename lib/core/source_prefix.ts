import { ipBytes, ipText, unmapped, withoutZone } from "./ip.ts";

/**
 * The network a peer comes from, as abuse is told by: /24 for IPv4, /48 for IPv6 (what one site is
 * given, RFC 6177). An IPv4 address in IPv6 form (RFC 4291, section 2.5.5.2) is the IPv4 address.
 * `unknown` for what is no address.
 */
export function sourcePrefix(host: string): string {
  const bytes = ipBytes(withoutZone(host));
  if (bytes === undefined) return "unknown";
  const address = unmapped(bytes);
  const kept = address.length === 4 ? 3 : 6;
  return `${ipText(address.map((byte, at) => at < kept ? byte : 0))}/${8 * kept}`;
}
