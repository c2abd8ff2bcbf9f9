import { type Field, valuesOf } from "./head.ts";

/**
 * Fields that speak of one connection and go no further (RFC 9110, section 7.6.1), and those of
 * proxies themselves. The framing fields are among them: each side gets its own.
 */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/**
 * The fields that go on to the other side: without the hop-by-hop ones and without those that
 * `Connection` names.
 */
export function endToEndFields(fields: readonly Field[]): Field[] {
  const connection = valuesOf(fields, "connection");
  if (connection.length === 0) return fields.filter(({ key }) => !HOP_BY_HOP.has(key));
  const named = new Set(connection.join(",").split(",").map((token) => token.trim().toLowerCase()));
  return fields.filter(({ key }) => !HOP_BY_HOP.has(key) && !named.has(key));
}

/** Trailer fields that may go on: none that frames, routes or speaks of one hop. */
export function endToEndTrailers(trailers: readonly Field[]): Field[] {
  return trailers.filter(({ key }) =>
    !HOP_BY_HOP.has(key) && !NEVER_TRAILERS.has(key) &&
    !key.replaceAll("_", "-").startsWith("x-forwarded-")
  );
}

/** What decides about a message cannot come behind it (RFC 9110, section 6.5.1). */
const NEVER_TRAILERS: ReadonlySet<string> = new Set([
  "authorization",
  "cache-control",
  "content-encoding",
  "content-range",
  "content-type",
  "cookie",
  "expect",
  "forwarded",
  "host",
  "max-forwards",
  "range",
  "set-cookie",
  "trailer",
  "x-request-id",
]);
