import { ProxyError } from "../core/errors.ts";
import { HTTP_VERSION, TARGET_CHARACTERS, TOKEN } from "./grammar.ts";
import { decodeLatin1, encodeLatin1 } from "./text.ts";

/** One field line (RFC 9110, section 5). */
export interface Field {
  /** As received. */
  readonly name: string;
  /** The name in lower case, for comparing. */
  readonly key: string;
  /** Without the white space around it. */
  readonly value: string;
}

/** The head of a request, well-formed (RFC 9112, sections 3 and 5). */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  /** The minor version: HTTP/1.0 or HTTP/1.1. */
  readonly minor: 0 | 1;
  readonly fields: readonly Field[];
}

/** The head of an answer, well-formed (RFC 9112, sections 4 and 5). */
export interface ResponseHead {
  readonly minor: 0 | 1;
  /** 100 to 599. */
  readonly status: number;
  readonly reason: string;
  readonly fields: readonly Field[];
}

/** A field of our own making. */
export function field(name: string, value: string): Field {
  return { name, key: name.toLowerCase(), value };
}

/** The values of every line of a field, in order. */
export function valuesOf(fields: readonly Field[], key: string): string[] {
  const values: string[] = [];
  for (const field of fields) if (field.key === key) values.push(field.value);
  return values;
}

/** Whether a list-valued field holds a token, whatever its case (RFC 9110, section 5.6.1). */
export function hasToken(fields: readonly Field[], key: string, token: string): boolean {
  return valuesOf(fields, key).some((value) =>
    value.split(",").some((item) => item.trim().toLowerCase() === token)
  );
}

/**
 * Reads a request's head: request line, field lines and the empty line, as `HeadScanner` cut it
 * out, so lines end in CRLF and hold no control characters (RFC 9112, sections 2 to 5).
 *
 * @throws {ProxyError} `bad_request_line`, `bad_version`, `bad_target` or `bad_field`
 */
export function parseRequestHead(bytes: Uint8Array, maxFields: number): RequestHead {
  const text = decodeLatin1(bytes);
  const lineEnd = text.indexOf("\r\n");
  const [method, target, version, ...rest] = text.slice(0, lineEnd).split(" ");
  if (method === undefined || target === undefined || version === undefined || rest.length > 0) {
    throw new ProxyError("bad_request_line", "The request line is not METHOD TARGET VERSION");
  }
  if (!TOKEN.test(method)) {
    throw new ProxyError("bad_request_line", "The method is not a token");
  }
  if (!TARGET_CHARACTERS.test(target)) {
    throw new ProxyError(
      "bad_target",
      "The request target is empty or holds a forbidden character",
    );
  }
  const minor = parseVersion(version, "bad_request_line", "bad_version");
  return { method, target, minor, fields: parseFields(text, lineEnd + 2, maxFields, "bad_field") };
}

/**
 * Reads an answer's head (RFC 9112, section 4), cut out like a request's.
 *
 * @throws {ProxyError} `bad_response`
 */
export function parseResponseHead(bytes: Uint8Array, maxFields: number): ResponseHead {
  const text = decodeLatin1(bytes);
  const lineEnd = text.indexOf("\r\n");
  const line = text.slice(0, lineEnd);
  const minor = parseVersion(line.slice(0, 8), "bad_response", "bad_response");
  const status = /^ ([1-5]\d\d)(?: (.*))?$/.exec(line.slice(8));
  if (status === null) {
    throw new ProxyError("bad_response", "The server's status line is malformed");
  }
  return {
    minor,
    status: Number(status[1]),
    reason: status[2] ?? "",
    fields: parseFields(text, lineEnd + 2, maxFields, "bad_response"),
  };
}

/**
 * Reads the trailer section of a chunked body, cut out like a head (RFC 9112, section 7.1.2).
 *
 * @throws {ProxyError} `code`
 */
export function parseTrailers(bytes: Uint8Array, maxFields: number, code: FieldError): Field[] {
  return parseFields(decodeLatin1(bytes), 0, maxFields, code);
}

/** The bytes of a request's head. */
export function encodeRequestHead(
  { method, target, fields }: Pick<RequestHead, "method" | "target" | "fields">,
): Uint8Array {
  return encodeLatin1(`${method} ${target} HTTP/1.1\r\n${fieldLines(fields)}\r\n`);
}

/** The bytes of an answer's head. */
export function encodeResponseHead(
  { status, reason, fields }: Pick<ResponseHead, "status" | "reason" | "fields">,
): Uint8Array {
  return encodeLatin1(`HTTP/1.1 ${status} ${reason}\r\n${fieldLines(fields)}\r\n`);
}

/** Field lines, each with its CRLF. */
export function fieldLines(fields: readonly Field[]): string {
  let lines = "";
  for (const { name, value } of fields) lines += name + ": " + value + "\r\n";
  return lines;
}

/** Whom to blame for a malformed field: the client or the server. */
export type FieldError = "bad_field" | "bad_response";

function parseVersion(
  text: string,
  malformed: "bad_request_line" | "bad_response",
  unsupported: "bad_version" | "bad_response",
): 0 | 1 {
  if (text === "HTTP/1.1") return 1;
  if (text === "HTTP/1.0") return 0;
  throw HTTP_VERSION.test(text)
    ? new ProxyError(unsupported, `${text} is not spoken here; HTTP/1.1 and HTTP/1.0 are`)
    : new ProxyError(malformed, "The HTTP version is malformed");
}

function parseFields(text: string, start: number, maxFields: number, code: FieldError): Field[] {
  const fields: Field[] = [];
  for (let at = start;;) {
    const end = text.indexOf("\r\n", at);
    if (end === at || end < 0) return fields;
    if (fields.length === maxFields) {
      throw new ProxyError(tooMany(code), `There are more than ${maxFields} header fields`);
    }
    fields.push(parseField(text, { at, end }, code));
    at = end + 2;
  }
}

function parseField(
  text: string,
  { at, end }: { at: number; end: number },
  code: FieldError,
): Field {
  const colon = text.indexOf(":", at);
  const name = text.slice(at, colon < 0 || colon > end ? end : colon);
  if (colon < 0 || colon > end) {
    throw new ProxyError(code, isFolded(text, at) ? FOLDED : "A header line has no colon");
  }
  if (!TOKEN.test(name)) {
    throw new ProxyError(
      code,
      isFolded(text, at) ? FOLDED : "A header field's name is not a token",
    );
  }
  return { name, key: name.toLowerCase(), value: trimWhitespace(text.slice(colon + 1, end)) };
}

/** Refused, not mended: RFC 9112, section 5.2. */
const FOLDED = "A header line begins with white space, as one does that is folded";

function isFolded(text: string, at: number): boolean {
  return isWhitespace(text.charCodeAt(at));
}

/** OWS is only SP and HTAB (RFC 9110, section 5.6.3); `trim` would take other bytes too. */
function trimWhitespace(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isWhitespace(value.charCodeAt(start))) start++;
  while (end > start && isWhitespace(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

function isWhitespace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function tooMany(code: FieldError): "head_too_large" | "bad_response" {
  return code === "bad_field" ? "head_too_large" : code;
}
