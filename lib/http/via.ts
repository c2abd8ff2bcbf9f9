import { type Field, field } from "./field.ts";

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

/** @param version of HTTP in which the message was received */
export function viaFieldOf(before: readonly string[], version: "1.0" | "1.1" | "2.0"): Field {
  return field("Via", [...before, `${version} ${PSEUDONYM}`].join(", "));
}
