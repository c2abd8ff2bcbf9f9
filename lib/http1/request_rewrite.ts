import {
  appendedForwardedFields,
  type ForwardedFacts,
  forwardedFields,
  isForwardedField,
} from "./forwarded.ts";
import { framingFields } from "./framing.ts";
import { type Field, field, hasToken, valuesOf } from "./head.ts";
import { endToEndFields } from "./hop_headers.ts";
import type { RequestHeadPart } from "./request_decoder.ts";
import { REQUEST_ID } from "./request_id.ts";
import { upgradeFields } from "./upgrade.ts";
import { viaField } from "./via.ts";

/** What holds for every request of one connection. */
export interface ConnectionOrigin extends Omit<ForwardedFacts, "host"> {
  /** The name or address of a request that says none (HTTP/1.0; RFC 9112, section 3.3). */
  readonly defaultHost: string;
  /** Whether the peer is a proxy that is believed what it says of those before it. */
  readonly trusted?: boolean;
  /** Whether `Via` is written (RFC 9110, section 7.6.3). */
  readonly via?: boolean;
}

/**
 * The fields a backend gets: Host, the client's end-to-end fields, the framing, and where the
 * request came from, which no `Connection` field can take away. An upgrade that it may ask for is
 * asked for anew.
 *
 * @param id the request's, for `X-Request-Id`
 */
export function requestFields(
  request: RequestHeadPart,
  origin: ConnectionOrigin,
  id: string,
): Field[] {
  const { fields: received, minor } = request.head;
  const host = request.target.authority ?? asAuthority(origin.defaultHost);
  const fields = [{ name: "Host", key: "host", value: host }];
  for (const field of endToEndFields(received)) {
    if (isReplaced(field.key, origin)) continue;
    // an expectation of HTTP/1.0 is to be ignored (RFC 9110, section 10.1.1)
    if (minor === 0 && field.key === "expect") continue;
    fields.push(field);
  }
  fields.push(...framingFields(request.framing), ...trailersField(received));
  if (request.upgrade !== undefined) fields.push(...upgradeFields(request.upgrade));
  const facts = { ...origin, host };
  fields.push(
    ...(origin.trusted === true
      ? appendedForwardedFields(facts, received)
      : forwardedFields(facts)),
    { name: "X-Request-Id", key: REQUEST_ID, value: id },
  );
  if (origin.via === true) fields.push(viaField(valuesOf(received, "via"), minor));
  return fields;
}

/** An IPv6 address is in brackets there, and without its zone (RFC 3986, section 3.2.2). */
function asAuthority(host: string): string {
  return host.includes(":") ? `[${host.replace(/%.*$/, "")}]` : host;
}

/** Whether the proxy writes a field of this name itself. */
function isReplaced(key: string, { via }: ConnectionOrigin): boolean {
  return key === "host" || key === REQUEST_ID || (key === "via" && via === true) ||
    isForwardedField(key);
}

/**
 * A client that takes trailers is told of to the server, as they are passed on (RFC 9110, section
 * 10.1.4). `TE` itself speaks of one hop, so `Connection` names it.
 */
function trailersField(received: readonly Field[]): Field[] {
  return hasToken(received, "te", "trailers")
    ? [field("TE", "trailers"), field("Connection", "TE")]
    : [];
}
