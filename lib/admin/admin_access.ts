import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import { encodeLatin1 } from "../core/latin1.ts";

/** Who may do what on the admin listener. */
export interface AccessRules {
  /** What everybody but a probe has to show; undefined asks for nothing. */
  readonly token: string | undefined;
  /** Names it is reached by, beside `localhost` and IP addresses. */
  readonly hosts: readonly string[];
}

/** What is looked at of a request. */
export interface AdminRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
}

/** Why a request is refused. */
export interface Refusal {
  readonly status: 401 | 403 | 421;
  readonly detail: string;
}

/**
 * Whether a request may be served; undefined where it may.
 *
 * A page in a browser on this machine reaches the loopback interface as well as its user does. Such
 * pages are kept out three ways: by the Host, as a name that was rebound to a loopback address is
 * not one of ours; by the lack of any CORS field, so that they read no answer; and by Origin and
 * Sec-Fetch-Site for what changes something, which only a page of another origin gets wrong.
 */
export function refusal(
  { method, path, headers }: AdminRequest,
  { token, hosts }: AccessRules,
): Refusal | undefined {
  const host = headers.get("host") ?? "";
  if (!isOurs(host, hosts)) {
    return {
      status: 421,
      detail: `The Host "${printable(host)}" is not one of the admin listener`,
    };
  }
  if (method !== "GET" && method !== "HEAD" && !isSameOrigin(headers, host)) {
    return { status: 403, detail: "A page of another origin may not change anything here" };
  }
  if (token !== undefined && !PROBES.has(path) && !showsToken(headers, token)) {
    return { status: 401, detail: "Show the token: Authorization: Bearer ..." };
  }
  return undefined;
}

/** What says nothing but that the proxy is there, to those who cannot show a token. */
const PROBES: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);

/** An address as a Host cannot have been rebound: only names are looked up. */
function isOurs(host: string, hosts: readonly string[]): boolean {
  const name = host.replace(/:\d+$/, "").toLowerCase();
  if (name.startsWith("[")) return isIP(name.slice(1, -1)) === 6;
  return isIP(name) === 4 || name === "localhost" || hosts.includes(name);
}

/** Programs send neither field; a browser sends at least one and cannot be talked out of it. */
function isSameOrigin(headers: Headers, host: string): boolean {
  const site = headers.get("sec-fetch-site");
  // behind TLS that somebody ends in front the page's own origin is one of https
  if (site === "same-origin") return true;
  if (site !== null && site !== "none") return false;
  const origin = headers.get("origin");
  return origin === null || origin === `http://${host}`;
}

/** As a bearer token (RFC 6750), or as the password of whatever user, which browsers ask for. */
function showsToken(headers: Headers, token: string): boolean {
  const shown = headers.get("authorization") ?? "";
  const [, scheme = "", value = ""] = /^(\S+) +(.*)$/.exec(shown) ?? [];
  if (scheme.toLowerCase() === "bearer") return isEqual(value, token);
  if (scheme.toLowerCase() !== "basic") return false;
  try {
    const credentials = atob(value);
    return isEqual(credentials.slice(credentials.indexOf(":") + 1), token);
  } catch {
    return false;
  }
}

/**
 * Of digests, which have one length: how long it takes tells nothing of the token.
 *
 * @param shown a character for each byte
 */
function isEqual(shown: string, token: string): boolean {
  return timingSafeEqual(digest(encodeLatin1(shown)), digest(token));
}

function digest(text: string | Uint8Array): Uint8Array {
  return createHash("sha256").update(text).digest();
}

function printable(text: string): string {
  return text.slice(0, 100).replace(/[^\x20-\x7e]/g, "?");
}
