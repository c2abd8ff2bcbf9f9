import { isIPv4, isIPv6 } from "node:net";
import { ProxyError } from "./errors.ts";
import { normalizeHostName } from "./host_name.ts";
import { ipBytes, ipText, unmapped, withoutZone } from "./ip.ts";

/** A TCP address; an IPv6 host is kept without brackets. */
export interface Address {
  readonly host: string;
  /** 0 to 65535; 0 lets the system choose when listening. */
  readonly port: number;
}

/** `host:port`, with brackets around an IPv6 host (RFC 3986, section 3.2.2). */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** One end of a socket, as everybody else knows it: see `withoutMapping`. */
export function toAddress({ hostname, port }: Deno.NetAddr): Address {
  return { host: withoutMapping(hostname), port };
}

/**
 * A host without what only this machine's sockets know: a listener on `::` sees an IPv4 client
 * mapped into IPv6 (RFC 4291, section 2.5.5.2).
 */
export function withoutMapping(host: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1] ?? host;
}

/** Whether only this machine reaches a listener on this host (RFC 6890; RFC 6761, section 6.3). */
export function isLoopback(host: string): boolean {
  const bytes = ipBytes(host);
  const name = bytes === undefined ? host.toLowerCase() : ipText(unmapped(bytes));
  return name === "localhost" || name === "::1" || /^127\.\d+\.\d+\.\d+$/.test(name);
}

/**
 * Whether the system would refuse to listen on both: they are the same, or one is all interfaces,
 * which for `::` takes in IPv4 (RFC 3493, section 5.3). A port of 0 overlaps with none.
 */
export function overlap(a: Address, b: Address): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  const [hostA, hostB] = [canonicalHost(a.host), canonicalHost(b.host)];
  return hostA === hostB || takesIn(hostA, hostB) || takesIn(hostB, hostA);
}

/** Whether they may well overlap, as one of them is a name that may stand for the other's address. */
export function mayOverlap(a: Address, b: Address): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  return [a, b].some(({ host }) => ipBytes(host) === undefined) || overlap(a, b);
}

function takesIn(all: string, one: string): boolean {
  return all === "::" || (all === "0.0.0.0" && (!one.includes(":") || one === "::"));
}

function canonicalHost(host: string): string {
  const bytes = ipBytes(host);
  return bytes === undefined ? host.toLowerCase() : ipText(bytes);
}

/**
 * Reads `host:port`, `[v6]:port`, where an address may have a zone (RFC 4007, section 11), or
 * `:port` (all interfaces).
 *
 * @throws {ProxyError} `bad_config`, saying what is wrong with it
 */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.:-]+)?)\]|([^:\[\]\s/]*)):(\d{1,5})$/.exec(text);
  if (match === null) throw notAnAddress(text, "it is not host:port");
  const port = Number(match[3]);
  if (port > 65535) throw notAnAddress(text, "a port is at most 65535");
  const [, v6, name = ""] = match;
  if (v6 !== undefined) {
    if (!isIPv6(withoutZone(v6))) throw notAnAddress(text, `"${v6}" is not an IPv6 address`);
    return { host: v6, port };
  }
  if (name === "") return { host: "0.0.0.0", port };
  if (isIPv4(name)) return { host: name, port };
  const normalized = normalizeHostName(name);
  if (normalized === undefined) {
    // what others have for every address of this machine
    const instead = name === "*" ? `:${port}` : undefined;
    throw notAnAddress(text, `"${name}" is neither a host name nor an IP address`, instead);
  }
  // as a resolver knows it; what is ASCII stays as it is written, with the dot that ends a search
  return { host: IS_ASCII.test(name) ? name : normalized, port };
}

const IS_ASCII = /^[\x21-\x7e]+$/;

function notAnAddress(
  text: string,
  why: string,
  instead = "127.0.0.1:8443 or [::1]:8443",
): ProxyError {
  return new ProxyError("bad_config", `"${text}" is not an address: ${why}; write ${instead}`);
}
