import type { AddressSet } from "../core/address_set.ts";
import type { RequestLimits } from "../http/limits.ts";
import type { ConnectionLimits } from "./connection_limit.ts";
import type { CertificateStore } from "../certificates/certificate_store.ts";
import type { ClientAuthRules } from "../tls/client_auth.ts";
import type { RouteTarget } from "./route_target.ts";
import type { Router } from "./router.ts";

/** What sessions go by: replaced whole by a reload, and read anew for every request. */
export interface Policy {
  readonly router: Router<RouteTarget>;
  /** Undefined where no listener does TLS. */
  readonly certificates: CertificateStore | undefined;
  /** What clients have to prove, by the name that they ask for. */
  readonly clientAuth: ClientAuthRules;
  /** Pages for the proxy's own errors, as HTML, by status. */
  readonly errorPages: ReadonlyMap<number, Uint8Array>;
  /** Of heads and bodies; of bodies the largest that any route takes. */
  readonly limits: SessionLimits;
  readonly forwarded: ForwardedPolicy;
  readonly timeouts: SessionTimeouts;
}

export interface SessionLimits extends RequestLimits, ConnectionLimits {
  /** Requests at a time on one connection of HTTP/2. */
  readonly streams: number;
  /** Bytes a second that a request's body has to come with; 0 asks for none. */
  readonly bodyRate: number;
}

/** What is believed and told of where requests come from. */
export interface ForwardedPolicy {
  /** The proxies that are believed. */
  readonly trusted: AddressSet;
  /** Whether `Forwarded` (RFC 7239) is written too. */
  readonly standard: boolean;
  /** Whether `Via` is written (RFC 9110, section 7.6.3). */
  readonly via: boolean;
}

/** Milliseconds each. */
export interface SessionTimeouts {
  /** For a head, from its first byte. */
  readonly header: number;
  /** Without progress of a body; also what its rate is averaged over. */
  readonly bodyIdle: number;
  /** Without a request. */
  readonly keepAlive: number;
  /** Without a byte either way, in tcp mode and behind a switch of protocols. */
  readonly tunnelIdle: number;
}
