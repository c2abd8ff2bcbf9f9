import { ProxyError } from "../core/errors.ts";
import { type FieldSection, readFields, type SectionErrors } from "./field_section.ts";
import type { HeaderField } from "./hpack/header_field.ts";

/** An answer's head, well-formed. */
export interface Http2ResponseHead extends FieldSection {
  /** 100 to 999, without 101. */
  readonly status: number;
}

/**
 * Reads an answer's fields (RFC 9113, section 8.3.2).
 *
 * @throws {ProxyError} `bad_response`
 */
export function readResponseHead(list: readonly HeaderField[]): Http2ResponseHead {
  const first = list[0];
  // a second pseudo-field is one that is not in front of all others
  if (first?.name !== ":status" || first.kind !== "pseudo") {
    throw new ProxyError("bad_response", "The server's answer does not begin with :status");
  }
  const { fields, length } = readFields(list, 1, ERRORS);
  // 101 is for HTTP/1.1 (section 8.6)
  if (!STATUS.test(first.value) || first.value === "101") {
    throw new ProxyError("bad_response", "The server's :status is malformed");
  }
  return { status: Number(first.value), fields, length };
}

const STATUS = /^[1-9]\d\d$/;
/** As in HTTP/1.1 (RFC 9110, section 8.6). */
const ERRORS: SectionErrors = {
  field: "bad_response",
  length: "bad_response",
  repeatedLength: true,
};
