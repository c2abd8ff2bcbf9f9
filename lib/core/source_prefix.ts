import { isIPv4, isIPv6 } from "node:net";
import { withoutMapping } from "./address.ts";

/**
 * The network a peer comes from, as abuse is told by: /24 for IPv4, /48 for IPv6 (what one site is
 * given, RFC 6177). An IPv4 address in IPv6 form (RFC 4291, section 2.5.5.2) is the IPv4 address.
 * `unknown` for what is no address.
 */
export function sourcePrefix(host: string): string {
  const v4 = withoutMapping(host);
  if (isIPv4(v4)) return `${v4.slice(0, v4.lastIndexOf("."))}.0/24`;
  if (!isIPv6(host)) return "unknown";
  const groups = firstGroups(host.replace(/%.*$/, ""));
  return `${groups.map((group) => group.toString(16)).join(":")}::/48`.replace(/(:0)+::/, "::")
    .replace(/^0::/, "::");
}

/** The first three of the eight groups of an address. */
function firstGroups(address: string): number[] {
  const [head = "", tail] = address.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  // the last two groups may be written as an IPv4 address
  const length = before.length + after.length + (address.includes(".") ? 1 : 0);
  const zeros = tail === undefined ? 0 : 8 - length;
  const all = [...before, ...Array<string>(Math.max(0, zeros)).fill("0"), ...after];
  return [0, 1, 2].map((index) => parseInt(all[index] ?? "0", 16) || 0);
}
