import { asAuthority } from "../core/authority.ts";
import { fieldName, ROLE } from "../http/field_name.ts";
import {
  appendedForwardedFields,
  type ForwardedFacts,
  forwardedFields,
} from "../http/forwarded.ts";
import { framingFields } from "./framing.ts";
import { type Field, field, hasRole, hasToken, valuesOf } from "../http/field.ts";
import { endToEndFields } from "../http/hop_fields.ts";
import { countHop } from "../http/max_forwards.ts";
import { expectsNothing } from "../http/expect.ts";
import type { JudgedRequest } from "./judge_request.ts";
import { upgradeFields } from "./upgrade.ts";
import { viaField } from "../http/via.ts";

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
 * asked for anew. Claims go on only from a peer that is believed.
 *
 * @param id the request's, for `X-Request-Id`
 */
export function requestFields(
  request: JudgedRequest,
  origin: ConnectionOrigin,
  id: string,
): Field[] {
  const { fields: received, minor } = request.head;
  const host = request.target.authority ?? asAuthority(origin.defaultHost);
  const fields = [field(HOST, host)];
  // an expectation of HTTP/1.0 is to be ignored (RFC 9110, section 10.1.1)
  const dropped = REPLACED | (origin.via === true ? ROLE.via : 0) |
    (minor === 0 ? ROLE.expect : 0) | (origin.trusted === true ? 0 : ROLE.claim);
  for (const kept of endToEndFields(received)) {
    if ((kept.role & dropped) === 0 && !expectsNothing(kept)) fields.push(kept);
  }
  if (hasRole(received, ROLE.maxForwards)) countHop(fields, request.head.method);
  fields.push(...framingFields(request.framing));
  if (hasRole(received, ROLE.te)) fields.push(...trailersField(received));
  if (request.upgrade !== undefined) fields.push(...upgradeFields(request.upgrade));
  const { peer, port, proto, standard = false, clientCert } = origin;
  const facts = { peer, port, proto, standard, host, clientCert };
  const forwarded = origin.trusted === true
    ? appendedForwardedFields(facts, received)
    : forwardedFields(facts);
  fields.push(...forwarded);
  if (origin.via === true) fields.push(viaField(valuesOf(received, "via"), minor));
  fields.push(field(X_REQUEST_ID, id));
  return fields;
}

/** What the proxy writes itself in any case. */
const REPLACED = ROLE.host | ROLE.requestId | ROLE.forwarded;

const HOST = fieldName("Host");
const X_REQUEST_ID = fieldName("X-Request-Id");

/**
 * A client that takes trailers is told of to the server, as they are passed on (RFC 9110, section
 * 10.1.4). `TE` itself speaks of one hop, so `Connection` names it.
 */
function trailersField(received: readonly Field[]): Field[] {
  return hasToken(received, "te", "trailers")
    ? [field("TE", "trailers"), field("Connection", "TE")]
    : [];
}
