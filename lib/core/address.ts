import { ProxyError } from "./errors.ts";

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

/** Whether only this machine reaches a listener on this host (RFC 6890; RFC 6761, section 6.3). */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/**
 * Reads `host:port`, `[v6]:port` or `:port` (all interfaces).
 *
 * @throws {ProxyError} `bad_config`, saying what is wrong with it
 */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:\[\]\s/]*)):(\d{1,5})$/.exec(text);
  if (match === null) throw notAnAddress(text, "it is not host:port");
  const port = Number(match[3]);
  if (port > 65535) throw notAnAddress(text, "a port is at most 65535");
  const host = match[1] ?? (match[2] || "0.0.0.0");
  return { host, port };
}

function notAnAddress(text: string, why: string): ProxyError {
  return new ProxyError(
    "bad_config",
    `"${text}" is not an address: ${why}; write 127.0.0.1:8443 or [::1]:8443`,
  );
}
