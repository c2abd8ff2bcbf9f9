import { type ErrorCode, ProxyError } from "../core/errors.ts";
import { CONTENT_LENGTH } from "../http/grammar.ts";
import type { Field } from "../http/field.ts";
import { ROLE } from "../http/field_name.ts";
import type { HeaderField } from "./hpack/header_field.ts";

/** Whom to blame for what is malformed. */
export interface SectionErrors {
  readonly field: ErrorCode;
  readonly length: ErrorCode;
  /** Whether one length may stand more than once, as long as it is the same to the letter. */
  readonly repeatedLength: boolean;
}

/** The fields of a head that are no pseudo-fields. */
export interface FieldSection {
  /** As they came, without `Content-Length`, whose meaning is in `length`. */
  readonly fields: readonly Field[];
  /** `Content-Length`; undefined where there is none. */
  readonly length: number | undefined;
}

/**
 * Reads the fields from `start` on, behind the pseudo-fields (RFC 9113, sections 8.2 and 8.3).
 *
 * @throws {ProxyError} where one is malformed, or is a pseudo-field or one of a connection
 */
export function readFields(
  list: readonly HeaderField[],
  start: number,
  errors: SectionErrors,
): FieldSection {
  const fields: HeaderField[] = [];
  let length: string | undefined;
  for (let i = start; i < list.length; i++) {
    const field = list[i] as HeaderField;
    checkRegular(field, errors.field);
    if ((field.role & ROLE.contentLength) === 0) {
      fields.push(field);
      continue;
    }
    if (length !== undefined && !(errors.repeatedLength && field.value === length)) {
      throw new ProxyError(errors.length, "Content-Length stands more than once");
    }
    if (!CONTENT_LENGTH.test(field.value)) {
      throw new ProxyError(errors.length, "Content-Length is not a plain decimal number");
    }
    length = field.value;
  }
  return { fields, length: length === undefined ? undefined : Number(length) };
}

/**
 * Checks a trailer section (RFC 9113, section 8.1).
 *
 * @throws {ProxyError}
 */
export function checkTrailers(list: readonly HeaderField[], code: ErrorCode): void {
  for (const field of list) checkRegular(field, code);
}

function checkRegular({ kind, name, value, role }: HeaderField, code: ErrorCode): void {
  if (kind === "malformed") {
    throw new ProxyError(code, "A header field holds what no field may hold");
  }
  if (kind === "pseudo") {
    throw new ProxyError(code, "A pseudo-field stands behind other fields or in trailers");
  }
  if ((role & ROLE.hopByHop) === 0) return;
  if (CONNECTION_FIELDS.has(name)) {
    throw new ProxyError(code, `A field of HTTP/1.1 connections stands in HTTP/2: ${name}`);
  }
  if (name === "te" && value.toLowerCase() !== "trailers") {
    throw new ProxyError(code, "TE holds other than trailers");
  }
}

/** RFC 9113, section 8.2.2. */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);
