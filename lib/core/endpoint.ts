import { type Address, formatAddress, parseAddress } from "./address.ts";
import { ProxyError } from "./errors.ts";

/** Where a connection can be made to. */
export type Endpoint = TcpEndpoint | UnixEndpoint;

/** Where a configuration says that servers are. */
export type ServerAddress = Endpoint | DnsName;

/** An IP address or a name, and a port. */
export interface TcpEndpoint extends Address {
  readonly kind: "tcp";
}

/** A socket in the file system. */
export interface UnixEndpoint {
  readonly kind: "unix";
  /** Absolute. */
  readonly path: string;
}

/** A name whose every address is a server of its own. */
export interface DnsName extends Address {
  readonly kind: "dns";
}

/** `host:port`, `unix:/path` or `dns:name:port`. */
export function formatServerAddress(address: ServerAddress): string {
  switch (address.kind) {
    case "tcp":
      return formatAddress(address);
    case "unix":
      return `unix:${address.path}`;
    case "dns":
      return `dns:${formatAddress(address)}`;
  }
}

/**
 * Reads what `formatServerAddress` writes.
 *
 * @throws {ProxyError} `bad_config`, saying what is wrong with it
 */
export function parseServerAddress(text: string): ServerAddress {
  if (text.startsWith("unix:")) return { kind: "unix", path: unixPath(text) };
  const scheme = /^[a-z]+:\/\//i.exec(text)?.[0];
  if (scheme !== undefined) {
    const tls = /^https:/i.test(scheme)
      ? '; for TLS to it its backend has "tls: true" in the file'
      : "";
    throw bad(`"${text}": leave out ${scheme} and any path: a server is host:port${tls}`);
  }
  const dns = text.startsWith("dns:");
  if (/^dns:[^:]*$/.test(text)) {
    throw bad(`"${text}" is not an address: it has no port; write dns:api.internal:8001`);
  }
  const address = parseAddress(dns ? text.slice("dns:".length) : text);
  if (address.port === 0) throw bad(`"${text}": a server needs a port`);
  if (!dns) return { kind: "tcp", ...address };
  if (!/^(?=.*[a-z])[a-z0-9_.-]+$/i.test(address.host)) {
    throw bad(`"${text}": dns: takes a name, such as dns:api.internal:8001`);
  }
  return { kind: "dns", ...address };
}

/** What a socket's address has room for on Linux (unix(7)), without the NUL at its end. */
const MAX_PATH_BYTES = 107;

function unixPath(text: string): string {
  const path = text.slice("unix:".length);
  if (!path.startsWith("/")) {
    throw bad(`"${text}": the path of a socket begins with /, such as unix:/run/app.sock`);
  }
  if (path.endsWith("/")) {
    throw bad(`"${text}": this is a folder; name the socket in it, such as unix:/run/app.sock`);
  }
  if (path.includes("\0") || new TextEncoder().encode(path).length > MAX_PATH_BYTES) {
    throw bad(`"${text}": the path of a socket has at most ${MAX_PATH_BYTES} bytes`);
  }
  return path;
}

function bad(message: string): ProxyError {
  return new ProxyError("bad_config", message);
}
