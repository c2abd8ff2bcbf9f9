import { type ErrorCode, ProxyError } from "../core/errors.ts";
import { decodeLatin1, encodeLatin1 } from "../core/latin1.ts";
import { plural } from "../core/plural.ts";
import { type Field, fieldLines, lineOf } from "../http/field.ts";
import { type FieldName, fieldName, hashByte, readFieldName } from "../http/field_name.ts";
import type { RequestHead, ResponseHead } from "../http/message.ts";
import { COLON, CR, HTAB, HTTP_VERSION, SP, TARGET_CHARACTERS, TOKEN } from "../http/grammar.ts";
import { withoutBlanks } from "../http/without_blanks.ts";

/**
 * Reads a request's head: request line, field lines and the empty line, as `HeadScanner` cut it
 * out, so lines end in CRLF and hold no control characters (RFC 9112, sections 2 to 5).
 *
 * @throws {ProxyError} `bad_request_line`, `bad_version`, `bad_target` or `bad_field`
 */
export function parseRequestHead(bytes: Uint8Array, maxFields: number): RequestHead {
  const text = decodeLatin1(bytes);
  const lineEnd = text.indexOf("\r\n");
  const methodEnd = text.indexOf(" ");
  const targetEnd = text.indexOf(" ", methodEnd + 1);
  // of three words one has two spaces, and what is behind the second holds no other
  if (targetEnd < 0 || text.lastIndexOf(" ", lineEnd) !== targetEnd) {
    const message = text.startsWith("PROXY ")
      ? "A PROXY header came where a request was expected"
      : "The request line is not METHOD TARGET VERSION";
    throw new ProxyError("bad_request_line", message);
  }
  const method = text.slice(0, methodEnd);
  const target = text.slice(methodEnd + 1, targetEnd);
  if (!TOKEN.test(method)) {
    throw new ProxyError("bad_request_line", "The method is not a token");
  }
  if (!TARGET_CHARACTERS.test(target)) {
    throw new ProxyError(
      "bad_target",
      "The request target is empty or holds a forbidden character",
    );
  }
  const version = text.slice(targetEnd + 1, lineEnd);
  const minor = parseVersion(version, "bad_request_line", "bad_version");
  const at = lineEnd + 2;
  const fields = parseFields(bytes, { text, at, maxFields, code: "bad_field" });
  return { method, target, minor, fields };
}

/**
 * Reads an answer's head (RFC 9112, section 4), cut out like a request's. What servers get wrong and
 * every peer takes is mended as the RFC says, as this is where it ends: a status beyond 599, a folded
 * field line and white space before its colon.
 *
 * @throws {ProxyError} `bad_response` or `answer_has_too_many_fields`
 */
export function parseResponseHead(bytes: Uint8Array, maxFields: number): ResponseHead {
  const text = decodeLatin1(bytes);
  const lineEnd = text.indexOf("\r\n");
  const minor = parseVersion(text.slice(0, 8), "bad_response", "bad_response");
  const status = parseStatus(bytes);
  if (status === undefined) {
    throw new ProxyError("bad_response", "The server's status line is malformed");
  }
  // nothing where the line ends behind the status
  const reason = text.slice(13, lineEnd);
  const code = "bad_response";
  const fields = parseFields(bytes, { text, at: lineEnd + 2, maxFields, code });
  return { minor, status, reason, fields };
}

/**
 * Reads the trailer section of a chunked body, cut out like a head (RFC 9112, section 7.1.2).
 *
 * @throws {ProxyError} `code`
 */
export function parseTrailers(bytes: Uint8Array, maxFields: number, code: FieldError): Field[] {
  return parseFields(bytes, { text: decodeLatin1(bytes), at: 0, maxFields, code });
}

/** A request's head, one character a byte. */
export function requestHeadText(
  { method, target, fields }: Pick<RequestHead, "method" | "target" | "fields">,
): string {
  return requestLine(method, target) + fieldLines(fields) + "\r\n";
}

/** A request line with its CRLF. */
export function requestLine(method: string, target: string): string {
  return method + " " + target + " HTTP/1.1\r\n";
}

/** An answer's head, one character a byte. */
export function responseHeadText(
  { status, reason }: Pick<ResponseHead, "status" | "reason">,
  fields: readonly Field[],
): string {
  return "HTTP/1.1 " + status + " " + reason + "\r\n" + fieldLines(fields) + "\r\n";
}

/** The bytes of an answer's head. */
export function encodeResponseHead(
  head: Pick<ResponseHead, "status" | "reason" | "fields">,
): Uint8Array {
  return encodeLatin1(responseHeadText(head, head.fields));
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

/** ` 200` or ` 200 ...` behind the version (RFC 9112, section 4); undefined for anything else. */
function parseStatus(line: Uint8Array): number | undefined {
  const [hundreds, tens, ones] = [digitAt(line, 9), digitAt(line, 10), digitAt(line, 11)];
  const delimited = line[8] === SP && (line[12] === SP || line[12] === CR);
  if (!delimited || hundreds < 1 || tens < 0 || ones < 0) return undefined;
  return hundreds * 100 + tens * 10 + ones;
}

/** Negative where it is none. */
function digitAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at] as number;
  return byte <= 0x39 ? byte - 0x30 : -1;
}

interface FieldSection {
  /** The bytes, a character each. */
  readonly text: string;
  readonly at: number;
  readonly maxFields: number;
  readonly code: FieldError;
}

/** Goes by the bytes; only names not seen before and values become text. */
function parseFields(bytes: Uint8Array, { text, at, maxFields, code }: FieldSection): Field[] {
  const fields: Field[] = [];
  const mended = code === "bad_response";
  for (let start = at; bytes[start] !== CR;) {
    if (mended && fields.length > 0 && isWhitespace(bytes[start])) {
      const { words, next } = wordsFrom(bytes, { text, start });
      fields.push(unfolded(fields.pop() as Field, words));
      start = next;
      continue;
    }
    if (fields.length === maxFields) {
      throw new ProxyError(
        tooMany(code),
        `There are more than ${plural(maxFields, "header field")}`,
      );
    }
    let end = start;
    let hash = 0;
    for (; bytes[end] !== COLON; end++) {
      if (bytes[end] === CR) throw badLine(bytes[start], "A header line has no colon", code);
      hash = hashByte(hash, bytes[end] as number);
    }
    const written = readFieldName(bytes, { start, end, hash }) ??
      (mended ? nameBeforeSpace(text.slice(start, end)) : undefined);
    if (written === undefined) {
      throw badLine(bytes[start], "A header field's name is not a token", code);
    }
    const { words: value, next } = wordsFrom(bytes, { text, start: end + 1 });
    const { name, key, role } = written;
    // most lines are written as they would be here
    const isOurs = bytes[end + 1] === SP &&
      name.length + ": \r\n".length + value.length === next - start;
    const line = isOurs ? text.slice(start, next) : lineOf(name, value);
    fields.push({ name, key, role, value, line });
    start = next;
  }
  return fields;
}

/** What a line holds from `start` on, without the white space around it. */
function wordsFrom(
  bytes: Uint8Array,
  { text, start }: { text: string; start: number },
): { words: string; next: number } {
  let from = start;
  while (isWhitespace(bytes[from])) from++;
  let to = from;
  while (bytes[to] !== CR) to++;
  const next = to + 2;
  // of white space alone this leaves nothing, too
  while (isWhitespace(bytes[to - 1])) to--;
  return { words: text.slice(from, to), next };
}

/** A field whose fold is a space now. */
function unfolded({ name, key, role, value }: Field, words: string): Field {
  const whole = value === "" || words === "" ? value + words : `${value} ${words}`;
  return { name, key, role, value: whole, line: lineOf(name, whole) };
}

/** The name in front of white space that a proxy has to remove (RFC 9112, section 5.1). */
function nameBeforeSpace(text: string): FieldName | undefined {
  const name = withoutBlanks(text);
  // one that begins with some is folded
  return text.startsWith(name) && TOKEN.test(name) ? fieldName(name) : undefined;
}

/**
 * A line whose name is none. One that begins with white space is refused, not mended (RFC 9112,
 * section 5.2).
 */
function badLine(first: number | undefined, otherwise: string, code: FieldError): ProxyError {
  const folded = "A header line begins with white space, as one does that is folded";
  return new ProxyError(code, isWhitespace(first) ? folded : otherwise);
}

/** OWS is only SP and HTAB (RFC 9110, section 5.6.3). */
function isWhitespace(byte: number | undefined): boolean {
  return byte === SP || byte === HTAB;
}

function tooMany(code: FieldError): ErrorCode {
  return code === "bad_field" ? "head_too_large" : "answer_has_too_many_fields";
}
