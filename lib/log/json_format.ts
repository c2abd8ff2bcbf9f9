import type { TlsFacts } from "../core/tls_facts.ts";
import { formatAddress } from "../core/address.ts";
import type { ProxyError } from "../core/errors.ts";
import type { ConnectionEnded, HandshakeDone, ProxyEvent, RequestServed } from "../core/event.ts";
import { isoTime } from "./line_time.ts";
import { type EventLevel, lineOf, type Pair } from "./text_format.ts";

/**
 * The event as one JSON object on one line. The keys of an event are always all there, in the same
 * order; what is not known is `null`. Sizes are bytes, keys that end in `_ms` are milliseconds.
 *
 * Nothing but printable ASCII is in it: the rest is escaped as `\uXXXX`, so that no peer can move a
 * terminal's cursor or hide what it sent.
 */
export function formatJson(event: ProxyEvent, level: EventLevel, now: number): string {
  const begin = `{"time":"${isoTime(now)}","level":"${level}","event":`;
  switch (event.kind) {
    case "request":
      return begin + requestJson(event);
    case "connection_end":
      return begin + endJson(event);
    case "handshake":
      return begin + handshakeJson(event);
    default: {
      const { what, pairs } = lineOf(event);
      return `${begin}${text(what.replaceAll(" ", "_"))}${pairs.map(pair).join("")}}`;
    }
  }
}

// The lines of everyday traffic are put together by hand: a generic serializer over an object made
// for it takes three times as long.

function requestJson(event: RequestServed): string {
  return `"request","id":${text(event.id)},"peer":"${formatAddress(event.peer)}"` +
    `,"client":${text(event.client)}${tlsJson(event.tls)}` +
    `,"host":${text(event.host)},"method":${text(event.method)},"target":${text(event.target)}` +
    `,"version":${text(event.version)},"status":${event.status}` +
    `,"bytes_in":${event.bytesIn},"bytes_out":${event.bytesOut}` +
    `,"encoding":${text(event.coded?.coding)}` +
    `,"route":${text(event.route)},"rule":${text(event.rule)},"backend":${text(event.backend)}` +
    `,"server":${text(event.server)},"attempts":${event.attempts}` +
    `,"wait_ms":${ms(event.waitMs)},"first_byte_ms":${ms(event.firstByteMs)}` +
    `,"total_ms":${ms(event.durationMs)}` + howJson(event.error);
}

function endJson(event: ConnectionEnded): string {
  return `"end","peer":"${formatAddress(event.peer)}"${tlsJson(event.tls)}` +
    `,"bytes_in":${event.bytesIn},"bytes_out":${event.bytesOut}` +
    `,"requests":${event.requests ?? null},"route":${text(event.route)}` +
    `,"backend":${text(event.backend)},"server":${text(event.server)}` +
    `,"wait_ms":${ms(event.waitMs)},"total_ms":${ms(event.durationMs)}` +
    howJson(event.error);
}

function howJson(error: ProxyError | undefined): string {
  return error === undefined
    ? `,"how":"done","reason":null}`
    : `,"how":"${error.code}","reason":${text(error.message)}}`;
}

function handshakeJson({ peer, tls }: HandshakeDone): string {
  return `"handshake","peer":"${formatAddress(peer)}"${tlsJson(tls)}}`;
}

/** Made once for each connection: it is the same in every line of it. */
const made = new WeakMap<TlsFacts, string>();

function tlsJson(tls: TlsFacts | undefined): string {
  if (tls === undefined) return NO_TLS;
  let json = made.get(tls);
  if (json === undefined) {
    json = `,"sni":${text(tls.sni)},"protocol":${text(tls.protocol)},"cipher":${text(tls.cipher)}` +
      `,"alpn":${text(tls.alpn)},"resumed":${tls.resumed ?? null},"group":${text(tls.group)}` +
      `,"handshake_ms":${ms(tls.handshakeMs)},"client_cert":${clientCertJson(tls)}`;
    made.set(tls, json);
  }
  return json;
}

function clientCertJson({ clientCert }: TlsFacts): string {
  if (clientCert === undefined) return "null";
  const { subject, fingerprint } = clientCert;
  return `{"subject":${text(subject)},"fingerprint":${text(fingerprint)}}`;
}

const NO_TLS = ',"sni":null,"protocol":null,"cipher":null,"alpn":null,"resumed":null,"group":null' +
  ',"handshake_ms":null,"client_cert":null';

function pair([key, value]: Pair): string {
  if (typeof value === "number") return `,"${key}":${value}`;
  return `,"${key}":${text(typeof value === "object" ? formatAddress(value) : value)}`;
}

/** Microseconds are what a clock tells; more digits would be noise. */
function ms(value: number | undefined): string {
  return value === undefined ? "null" : `${Math.round(value * 1000) / 1000}`;
}

/** Characters of a value that are kept; a longer one ends in `...`. */
export const MAX_JSON_LENGTH = 2048;

/** Printable ASCII that stands in a JSON string as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;
const UNPRINTABLE = /[^\x20-\x7e]/g;

function text(value: string | undefined): string {
  if (value === undefined) return "null";
  const kept = value.length > MAX_JSON_LENGTH ? `${value.slice(0, MAX_JSON_LENGTH)}...` : value;
  // half a character, as a cut may leave one, is refused by who reads JSON to the letter
  return PLAIN.test(kept) ? `"${kept}"` : JSON.stringify(kept.toWellFormed()).replace(
    UNPRINTABLE,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
