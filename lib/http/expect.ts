import { ProxyError } from "../core/errors.ts";
import { ROLE } from "./field_name.ts";
import { type Field, valuesOf } from "./field.ts";
import type { RequestHead } from "./message.ts";
import { withoutBlanks } from "./without_blanks.ts";

/**
 * Refuses expectations that nobody here can promise to meet: there is only one, and it is left to
 * the server (RFC 9110, section 10.1.1). HTTP/1.0 knows none, so there the field is only a field; an
 * empty list holds none.
 *
 * @throws {ProxyError} `expectation_failed`
 */
export function checkExpectation(
  { minor, fields }: Pick<RequestHead, "minor" | "fields">,
): void {
  if (minor === 0) return;
  for (const member of valuesOf(fields, "expect").join(",").split(",")) {
    const expectation = withoutBlanks(member).toLowerCase();
    if (expectation !== "" && expectation !== "100-continue") {
      throw new ProxyError("expectation_failed", "Expect asks for other than 100-continue");
    }
  }
}

/** An empty list (RFC 9110, section 5.6.1) is not passed on: servers might not take it for none. */
export function expectsNothing({ role, value }: Field): boolean {
  return (role & ROLE.expect) !== 0 && /^[ \t,]*$/.test(value);
}
