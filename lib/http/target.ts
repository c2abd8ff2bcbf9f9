import { ProxyError } from "../core/errors.ts";
import { HOST } from "./grammar.ts";
import type { RequestHead } from "./message.ts";
import { valuesOf } from "./field.ts";

/** Where a request wants to go (RFC 9112, section 3.3). */
export interface RequestTarget {
  /** The target in origin-form, or `*`, as a backend is to see it. */
  readonly path: string;
  /**
   * Host, maybe with a port, as the client wrote it, but without the colon of an empty port;
   * undefined where HTTP/1.0 said none.
   */
  readonly authority: string | undefined;
}

/**
 * Reads the target and the Host of a request together, as they must agree.
 *
 * @throws {ProxyError} `bad_target`, `bad_host` or `method_not_allowed`
 */
export function requestTarget(head: RequestHead): RequestTarget {
  if (head.method === "CONNECT" || head.method === "TRACE") {
    throw new ProxyError("method_not_allowed", `${head.method} is not allowed here`);
  }
  const host = hostOf(head);
  if (head.target.startsWith("/")) return { path: head.target, authority: host };
  if (head.target === "*") {
    if (head.method === "OPTIONS") return { path: "*", authority: host };
    throw new ProxyError("bad_target", "The target * is for OPTIONS alone");
  }
  return absoluteForm(head, host);
}

/** RFC 9112, section 3.2.2; a Host that names another place is refused. */
function absoluteForm({ method, target }: RequestHead, host: string | undefined): RequestTarget {
  const [, scheme = "", written = "", rest = ""] = /^(https?):\/\/([^/?]*)(.*)$/i.exec(target) ??
    [];
  if (!HOST.test(written)) {
    throw new ProxyError("bad_target", "The request target is neither a path nor an http(s) URI");
  }
  const authority = withoutEmptyPort(written);
  if (host !== undefined && !isSamePlace(host, authority, scheme)) {
    throw new ProxyError("bad_host", "Host names another place than the request target");
  }
  const path = rest.startsWith("/") ? rest : rest === "" && method === "OPTIONS" ? "*" : `/${rest}`;
  return { path, authority };
}

/** RFC 9112, section 3.2: exactly one, though HTTP/1.0 may have none. */
function hostOf({ minor, fields }: RequestHead): string | undefined {
  const hosts = valuesOf(fields, "host");
  const [host, ...more] = hosts;
  if (more.length > 0) throw new ProxyError("bad_host", "Host stands more than once");
  if (host === undefined) {
    if (minor === 0) return undefined;
    throw new ProxyError("bad_host", "Host is missing");
  }
  if (!HOST.test(host)) throw new ProxyError("bad_host", "Host is not a host name");
  return withoutEmptyPort(host);
}

/** An empty port is none (RFC 3986, section 6.2.3). */
export function withoutEmptyPort(authority: string): string {
  return authority.endsWith(":") ? authority.slice(0, -1) : authority;
}

/** Whether two authorities, both well-formed, name the same place under a scheme. */
export function isSamePlace(a: string, b: string, scheme: string): boolean {
  return a === b || placeOf(a, scheme) === placeOf(b, scheme);
}

/** In one spelling: lower case, and with the port that the scheme means where none is said. */
function placeOf(authority: string, scheme: string): string {
  const [, host = "", port] = /^(.*?)(?::(\d+))?$/.exec(authority.toLowerCase()) ?? [];
  return `${host}:${Number(port ?? (scheme.toLowerCase() === "http" ? 80 : 443))}`;
}
