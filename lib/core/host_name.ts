import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import { ipBytes, ipText } from "./ip.ts";

/**
 * A host name in the one form in which names are compared: lower case (RFC 4343), A-labels for
 * U-labels (RFC 5890, by the mapping of UTS 46), no trailing dot. Undefined where it is none, and
 * for IP addresses and wildcards, which are no host names.
 *
 * `URL` is not used for it: it undoes percent-encoding, drops tabs, a port and a user, and takes
 * `1.2` for an address.
 *
 * @example
 * ```ts
 * import { normalizeHostName } from "./host_name.ts";
 *
 * console.assert(normalizeHostName("Bücher.Example.") === "xn--bcher-kva.example");
 * console.assert(normalizeHostName("a b") === undefined);
 * ```
 */
export function normalizeHostName(text: string): string | undefined {
  const name = withoutRoot(text.toLowerCase());
  if (!NEEDS_IDNA.test(name)) return isHostName(name) ? name : undefined;
  if (!LDH_BUT_FOR_UNICODE.test(name)) return undefined;
  // "" for what is no valid name
  const ascii = domainToASCII(name);
  return isHostName(ascii) ? ascii : undefined;
}

/**
 * Whether a text is a host name as it goes over the wire: lower-case labels of letters, digits,
 * `-` and `_` (which names of services have), within the lengths of RFC 1035, section 2.3.4. A last
 * label of digits alone would make it an address (RFC 3696, section 2).
 */
export function isHostName(text: string): boolean {
  return text.length <= MAX_NAME_LENGTH && HOST_NAME.test(text) && !NUMERIC_END.test(text);
}

/**
 * An IP address in its one canonical form, IPv6 as RFC 5952 has it and without brackets; undefined
 * where it is none. An address with a zone is none: it means nothing outside its own machine.
 */
export function ipAddress(text: string): string | undefined {
  const bytes = ipBytes(text);
  return bytes && ipText(bytes);
}

/**
 * What a certificate or a route may be for, in the form in which it is compared: a host name, `*.`
 * and a host name, or an IP address. Undefined where it is none of these.
 */
export function normalizeHostPattern(text: string): string | undefined {
  const address = ipAddress(text);
  if (address !== undefined) return address;
  if (!isWildcard(text)) return normalizeHostName(text);
  const rest = normalizeHostName(text.slice(WILDCARD.length));
  return rest === undefined ? undefined : WILDCARD + rest;
}

/** Whether a pattern begins with `*.`: one label of whatever name (RFC 9525, section 6.3). */
export function isWildcard(pattern: string): boolean {
  return pattern.startsWith(WILDCARD);
}

/**
 * `*.example.com` for `api.example.com`, and for itself: the one wildcard that covers a name.
 * Undefined for a name of one label and for an IP address.
 *
 * @param name a normalized name
 */
export function parentWildcard(name: string): string | undefined {
  const dot = name.indexOf(".");
  return dot <= 0 || isIP(name) !== 0 ? undefined : `*${name.slice(dot)}`;
}

const WILDCARD = "*.";
/** 255 octets, less one for the root and one for the first label's length. */
const MAX_NAME_LENGTH = 253;
const LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?";
const HOST_NAME = new RegExp(String.raw`^${LABEL}(?:\.${LABEL})*$`);
const NUMERIC_END = /(?:^|\.)\d+$/;
/** What is not ASCII, or says that it stands for such; the latter may be no valid encoding. */
const NEEDS_IDNA = /[^\0-\x7f]|(?:^|\.)xn--/;
/** IDNA leaves the rest of ASCII alone in this runtime, and does not in others. */
const LDH_BUT_FOR_UNICODE = /^(?:[a-z0-9._-]|[^\0-\x7f])*$/;

function withoutRoot(name: string): string {
  return name.endsWith(".") ? name.slice(0, -1) : name;
}
