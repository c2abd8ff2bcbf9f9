import { ROLE } from "./field_name.ts";
import { type Field, hasRole, valuesOf } from "./field.ts";
import type { ResponseHead } from "./message.ts";
import { withoutBlanks } from "./without_blanks.ts";

/**
 * The fields that go on to the other side: without those that speak of one connection, among which
 * are those of framing, as each side gets its own, and without those that `Connection` names (RFC
 * 9110, section 7.6.1).
 */
export function endToEndFields(fields: readonly Field[]): Field[] {
  const named = hasRole(fields, ROLE.connection)
    ? namedByConnection(valuesOf(fields, "connection"))
    : undefined;
  const kept: Field[] = [];
  for (const field of fields) {
    if ((field.role & ROLE.hopByHop) === 0 && !named?.has(field.key)) kept.push(field);
  }
  return kept;
}

/**
 * The same of an answer. What a 407 asks for is asked of the client: there the field is not dropped
 * (RFC 9110, section 15.5.8).
 */
export function endToEndAnswerFields(
  { status, fields }: Pick<ResponseHead, "status" | "fields">,
): Field[] {
  const kept = endToEndFields(fields);
  if (status === 407) kept.push(...fields.filter(({ key }) => key === "proxy-authenticate"));
  return kept;
}

/**
 * The names of fields, trailers among them, that go no further because `Connection` names them (RFC
 * 9110, section 7.6.1), in lower case; undefined where there is none that would go on without that.
 *
 * @param values of every line of the field
 */
export function namedByConnection(values: readonly string[]): ReadonlySet<string> | undefined {
  const value = values.join(",").toLowerCase();
  if (value === "keep-alive" || value === "close") return undefined;
  return new Set(value.split(",").map(withoutBlanks));
}

/** Trailer fields that may go on: none that frames, routes or speaks of one hop. */
export function endToEndTrailers(trailers: readonly Field[]): Field[] {
  return trailers.filter(({ key, role }) =>
    (role & NEVER_TRAILING) === 0 && !NEVER_TRAILERS.has(key) &&
    !key.replaceAll("_", "-").startsWith("x-forwarded-")
  );
}

const NEVER_TRAILING = ROLE.hopByHop | ROLE.forwarded | ROLE.claim;

/** What decides about a message cannot come behind it (RFC 9110, section 6.5.1). */
const NEVER_TRAILERS: ReadonlySet<string> = new Set([
  "authorization",
  "cache-control",
  "content-encoding",
  "content-range",
  "content-type",
  "cookie",
  "expect",
  "host",
  "max-forwards",
  "range",
  "set-cookie",
  "trailer",
  "x-request-id",
]);
