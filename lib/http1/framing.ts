import { type ErrorCode, ProxyError } from "../core/errors.ts";
import { CONTENT_LENGTH, TOKEN } from "../http/grammar.ts";
import { fieldName, ROLE } from "../http/field_name.ts";
import { type Field, field, hasRole, valuesOf } from "../http/field.ts";
import { NO_BODY, type RequestHead, type ResponseHead, UNKNOWN_LENGTH } from "../http/message.ts";

/** How a message's body is delimited (RFC 9112, section 6.3): decided once, here. */
export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "until_close" };

const NONE: Framing = { kind: "none" };
const CHUNKED: Framing = { kind: "chunked" };
const UNTIL_CLOSE: Framing = { kind: "until_close" };

/**
 * How a request's body is delimited. What RFC 9112, section 6.3, lets a server repair is refused:
 * every repair is a chance for the server behind to repair it differently.
 *
 * @throws {ProxyError} `bad_length`, `bad_transfer_encoding` or `unsupported_transfer_coding`
 */
export function requestFraming({ minor, fields }: RequestHead): Framing {
  return framingOf(fields, minor, REQUEST_ERRORS) ?? NONE;
}

/**
 * How an answer's body is delimited, given the method it answers. One length may stand twice: some
 * servers say it so, every peer takes it, and the next reader gets one of our own making.
 *
 * @throws {ProxyError} `bad_response`
 */
export function responseFraming({ minor, status, fields }: ResponseHead, method: string): Framing {
  const declared = framingOf(fields, minor, RESPONSE_ERRORS);
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) return NONE;
  return declared ?? UNTIL_CLOSE;
}

/** The field that tells the next reader of this framing; none for what needs none. */
export function framingFields(framing: Framing): readonly Field[] {
  switch (framing.kind) {
    case "length":
      return [field(LENGTH, String(framing.length))];
    case "chunked":
      return CODING;
    case "none":
    case "until_close":
      return NOTHING;
  }
}

/** Bytes of the body, as far as they are known beforehand. */
export function bodyOf(framing: Framing): number {
  switch (framing.kind) {
    case "length":
      return framing.length;
    case "none":
      return NO_BODY;
    case "chunked":
    case "until_close":
      return UNKNOWN_LENGTH;
  }
}

const LENGTH = fieldName("Content-Length");
const CODING: readonly Field[] = [field("Transfer-Encoding", "chunked")];
const NOTHING: readonly Field[] = [];

interface FramingErrors {
  readonly length: ErrorCode;
  readonly transferEncoding: ErrorCode;
  readonly unsupported: ErrorCode;
  /** Whether one length may stand more than once, as long as it is the same to the letter. */
  readonly repeatedLength: boolean;
}

const REQUEST_ERRORS: FramingErrors = {
  length: "bad_length",
  transferEncoding: "bad_transfer_encoding",
  unsupported: "unsupported_transfer_coding",
  repeatedLength: false,
};

const RESPONSE_ERRORS: FramingErrors = {
  length: "bad_response",
  transferEncoding: "bad_response",
  unsupported: "bad_response",
  repeatedLength: true,
};

function framingOf(
  fields: readonly Field[],
  minor: 0 | 1,
  errors: FramingErrors,
): Framing | undefined {
  if (!hasRole(fields, ROLE.contentLength | ROLE.transferEncoding)) return undefined;
  const lengths = valuesOf(fields, "content-length");
  const codings = valuesOf(fields, "transfer-encoding");
  if (codings.length > 0) {
    if (lengths.length > 0) {
      throw new ProxyError(
        errors.transferEncoding,
        "Content-Length and Transfer-Encoding stand together",
      );
    }
    return transferCoding(codings.join(","), minor, errors);
  }
  const [length, ...more] = lengths;
  if (length === undefined) return undefined;
  if (more.length > 0 && !(errors.repeatedLength && more.every((other) => other === length))) {
    throw new ProxyError(errors.length, "Content-Length stands more than once");
  }
  if (!CONTENT_LENGTH.test(length)) {
    throw new ProxyError(errors.length, "Content-Length is not a plain decimal number");
  }
  return length === "0" ? NO_BYTES : { kind: "length", length: Number(length) };
}

const NO_BYTES: Framing = { kind: "length", length: 0 };

/**
 * RFC 9112, section 6.1: chunked, once, and not from or to HTTP/1.0. Where chunked is not the last
 * coding, nobody can tell where the body ends (section 6.3).
 */
function transferCoding(value: string, minor: 0 | 1, errors: FramingErrors): Framing {
  if (minor === 0) {
    throw new ProxyError(
      errors.transferEncoding,
      "Transfer-Encoding stands in an HTTP/1.0 message",
    );
  }
  if (value.toLowerCase() === "chunked") return CHUNKED;
  const codings = value.split(",").map((coding) => coding.trim().toLowerCase());
  const chunked = codings.indexOf("chunked");
  const delimited = chunked < 0 || chunked === codings.length - 1;
  const other = codings.find((coding) => coding !== "chunked");
  if (delimited && other !== undefined && TOKEN.test(other)) {
    throw new ProxyError(
      errors.unsupported,
      "A transfer coding other than chunked is not supported",
    );
  }
  throw new ProxyError(errors.transferEncoding, "Transfer-Encoding is malformed");
}
