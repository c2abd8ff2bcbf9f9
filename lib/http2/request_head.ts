import { ProxyError } from "../core/errors.ts";
import { type Field, field, valuesOf } from "../http/field.ts";
import { fieldName, ROLE } from "../http/field_name.ts";
import { HOST, TARGET_CHARACTERS, TOKEN } from "../http/grammar.ts";
import { isSamePlace, withoutEmptyPort } from "../http/target.ts";
import { readFields, type SectionErrors } from "./field_section.ts";
import type { ListLimits } from "./hpack/decoder.ts";
import type { HeaderField } from "./hpack/header_field.ts";
import { NO_PRIORITY, parsePriority, type Priority } from "./priority.ts";

/** A request's head, well-formed: HTTP/1.1 can say the same, and nobody reads it differently. */
export interface Http2RequestHead extends RequestSection {
  /** In origin-form, or `*`; empty for CONNECT without a protocol. */
  readonly path: string;
}

/** What requests have in common that differ in their path alone. */
export interface RequestSection {
  readonly method: string;
  readonly scheme: string;
  /** Host, maybe with a port, as the client wrote it. */
  readonly authority: string;
  /** What an extended CONNECT asks to go on with (RFC 8441, section 4). */
  readonly protocol: string | undefined;
  /** In lower case, without `Host` and `Content-Length`; cookies are one field. */
  readonly fields: readonly Field[];
  /** `Content-Length`; undefined where there is none. */
  readonly length: number | undefined;
  /** Bits of `ROLE` of all fields, those of `Host` and `Content-Length` included. */
  readonly roles: number;
  readonly priority: Priority;
  /** The limit that it is over, see `readCutHead`; undefined where it is over none. */
  readonly cutBy: keyof ListLimits | undefined;
  /** Bytes as HTTP/1.1 would write it, but for the path. */
  readonly bytes: number;
  /** What was made of it last: the same object for all of them. */
  readonly rendering: Rendering;
}

/** What a server gets of every request of a section, in the forms that were asked for. */
export interface Rendering {
  /** What they were made for besides. */
  for: unknown;
  /** For HTTP/1.1. */
  lines: Uint8Array | undefined;
  /** For HTTP/2. */
  fields: readonly Field[] | undefined;
}

/**
 * Reads a request's fields (RFC 9113, section 8.3.1). What is malformed by that, and what HTTP/1.1
 * cannot say in the same words, is refused.
 *
 * @param extendedConnect whether `:protocol` is known here (RFC 8441, section 3)
 * @throws {ProxyError} `bad_request_line`, `bad_target`, `bad_host`, `bad_field` or `bad_length`
 */
export function readRequestHead(
  list: readonly HeaderField[],
  extendedConnect: boolean,
): Http2RequestHead {
  const pseudo: PseudoFields = {};
  let at = 0;
  let bytes = 0;
  let roles = 0;
  for (; at < list.length; at++) {
    const { kind, name, value } = list[at] as HeaderField;
    if (kind !== "pseudo") break;
    if (!isRequestPseudo(name) || (name === ":protocol" && !extendedConnect)) {
      throw new ProxyError("bad_field", `There is no pseudo-field ${name} in a request`);
    }
    if (pseudo[name] !== undefined) {
      throw new ProxyError("bad_field", `The pseudo-field ${name} stands more than once`);
    }
    pseudo[name] = value;
    if (name !== ":path") bytes += value.length;
  }
  for (let i = at; i < list.length; i++) {
    const { line, role } = list[i] as HeaderField;
    bytes += line.length;
    roles |= role;
  }
  const section = readFields(list, at, ERRORS);
  const { method, scheme, path, protocol } = controlData(pseudo);
  const authority = authorityOf(pseudo[":authority"], section.fields, scheme);
  const fields = joinCookies(section.fields.filter(({ role }) => (role & ROLE.host) === 0));
  const priority = valuesOf(fields, "priority");
  return {
    method,
    scheme,
    authority,
    path,
    protocol,
    fields,
    length: section.length,
    priority: priority.length === 0 ? NO_PRIORITY : parsePriority(priority.join(",")),
    roles,
    cutBy: undefined,
    bytes,
    rendering: { for: undefined, lines: undefined, fields: undefined },
  };
}

/**
 * What is known of a request whose head is over the limits: it is to be refused, and told of. What
 * was not read is missing, and nothing was checked.
 *
 * @param limit the first that it is over
 */
export function readCutHead(
  list: readonly HeaderField[],
  limit: keyof ListLimits,
): Http2RequestHead {
  const pseudo = (of: RequestPseudo) =>
    list.find(({ kind, name }) => kind === "pseudo" && name === of)?.value ?? "";
  return {
    method: pseudo(":method"),
    scheme: pseudo(":scheme"),
    authority: pseudo(":authority"),
    path: pseudo(":path"),
    protocol: undefined,
    fields: list.filter(({ kind }) => kind === "regular"),
    length: undefined,
    priority: NO_PRIORITY,
    roles: 0,
    cutBy: limit,
    bytes: 0,
    rendering: { for: undefined, lines: undefined, fields: undefined },
  };
}

/**
 * The same request for another path.
 *
 * @throws {ProxyError} `bad_target`
 */
export function withPath(head: Http2RequestHead, path: string): Http2RequestHead {
  checkPath(path, head.method);
  return { ...head, path };
}

type RequestPseudo = ":method" | ":scheme" | ":authority" | ":path" | ":protocol";
type PseudoFields = { [Name in RequestPseudo]?: string };

function isRequestPseudo(name: string): name is RequestPseudo {
  return name === ":method" || name === ":scheme" || name === ":authority" || name === ":path" ||
    name === ":protocol";
}

const ERRORS: SectionErrors = { field: "bad_field", length: "bad_length", repeatedLength: false };

interface ControlData {
  readonly method: string;
  readonly scheme: string;
  readonly path: string;
  readonly protocol: string | undefined;
}

function controlData(pseudo: PseudoFields): ControlData {
  const { ":method": method, ":scheme": scheme, ":path": path, ":protocol": protocol } = pseudo;
  if (method === undefined || !TOKEN.test(method)) {
    throw new ProxyError("bad_request_line", "The method is missing or no token");
  }
  if (protocol !== undefined && (method !== "CONNECT" || !TOKEN.test(protocol))) {
    throw new ProxyError("bad_field", ":protocol is no token, or stands without CONNECT");
  }
  if (method === "CONNECT" && protocol === undefined) {
    // RFC 9113, section 8.5
    if (scheme === undefined && path === undefined) {
      return { method, scheme: "", path: "", protocol };
    }
    throw new ProxyError("bad_field", ":scheme or :path stands with CONNECT");
  }
  if (scheme !== "https" && scheme !== "http") {
    throw new ProxyError("bad_target", ":scheme is missing or neither https nor http");
  }
  if (path === undefined) throw new ProxyError("bad_target", ":path is missing");
  checkPath(path, method);
  return { method, scheme, path, protocol };
}

/** As a request line of HTTP/1.1 has it, in origin-form or, for OPTIONS, as `*`. */
function checkPath(path: string, method: string): void {
  const isKnown = path.startsWith("/") || (path === "*" && method === "OPTIONS");
  if (!isKnown || !TARGET_CHARACTERS.test(path)) {
    throw new ProxyError("bad_target", ":path is no path, or holds a forbidden character");
  }
}

/** `:authority` and `Host` may both stand, and must say the same (RFC 9113, section 8.3.1). */
function authorityOf(
  authority: string | undefined,
  fields: readonly Field[],
  scheme: string,
): string {
  let host: string | undefined;
  for (const { role, value } of fields) {
    if ((role & ROLE.host) === 0) continue;
    if (host !== undefined) throw new ProxyError("bad_host", "Host stands more than once");
    host = value;
  }
  const named = authority ?? host;
  if (named === undefined) throw new ProxyError("bad_host", ":authority is missing");
  if (!HOST.test(named) || (host !== undefined && !HOST.test(host))) {
    throw new ProxyError("bad_host", ":authority or Host is no host name");
  }
  if (host !== undefined && !isSamePlace(host, named, scheme)) {
    throw new ProxyError("bad_host", "Host names another place than :authority");
  }
  return withoutEmptyPort(named);
}

/** HTTP/1.1 has one field, where HTTP/2 may cut it into crumbs (RFC 9113, section 8.2.3). */
function joinCookies(fields: readonly Field[]): readonly Field[] {
  const crumbs = fields.filter(({ key }) => key === "cookie");
  if (crumbs.length < 2) return fields;
  // an empty one would leave a blank at the end
  const values = crumbs.map(({ value }) => value).filter((value) => value !== "");
  const joined = field(COOKIE, values.join("; "));
  return [...fields.filter(({ key }) => key !== "cookie"), joined];
}

const COOKIE = fieldName("cookie");
