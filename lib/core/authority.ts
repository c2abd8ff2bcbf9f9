import { ipAddress } from "./host_name.ts";

/**
 * A host as it stands in an authority: an IPv6 address in brackets, and without its zone (RFC 3986,
 * section 3.2.2).
 */
export function asAuthority(host: string): string {
  return host.includes(":") ? `[${host.replace(/%.*/, "")}]` : host;
}

/**
 * The host of an authority (RFC 3986, section 3.2), as names are compared: lower case, no port, no
 * trailing dot, no brackets; undefined where what is in brackets is no address.
 */
export function hostOfAuthority(authority: string): string | undefined {
  if (authority.startsWith("[")) return ipAddress(authority.slice(1, authority.indexOf("]")));
  return authority.replace(/:\d*$/, "").replace(/\.$/, "").toLowerCase();
}
