import { type Field, field, valuesOf } from "./field.ts";

/** What this proxy calls itself where it need not say its host's name. */
const PSEUDONYM = "tls-proxy";

/**
 * `Via` with this proxy at its end (RFC 9110, section 7.6.3).
 *
 * @param before the field's lines as received
 * @param minor of the HTTP/1 version in which the message was received
 */
export function viaField(before: readonly string[], minor: 0 | 1): Field {
  return viaFieldOf(before, `1.${minor}`);
}

/** A version of HTTP, as `Via` has it. */
export type HttpVersion = "1.0" | "1.1" | "2.0";

/** @param version in which the message was received */
export function viaFieldOf(before: readonly string[], version: HttpVersion): Field {
  const named = before.filter((line) => line !== "");
  return field("Via", [...named, `${version} ${PSEUDONYM}`].join(", "));
}

/** Makes of the `Via` among an answer's fields one with this proxy at its end, behind the others. */
export function appendVia(fields: Field[], version: HttpVersion): void {
  const via = viaFieldOf(valuesOf(fields, "via"), version);
  const others = fields.filter(({ key }) => key !== "via");
  fields.splice(0, fields.length, ...others, via);
}
