import type { Endpoint } from "../core/endpoint.ts";
import type { TlsClient } from "../tls/tls_client.ts";

/** How many connections are kept for later requests, and for how long. */
export interface PoolOptions {
  /** Idle connections kept at the most, once a burst is over; 0 keeps none. */
  readonly maxIdle: number;
  /** Milliseconds one is kept for. */
  readonly idleTimeout: number;
}

/** The server that a pool is for. */
export interface PooledServer extends PoolOptions {
  readonly endpoint: Endpoint;
  /** What speaks TLS to it; undefined for plain text. */
  readonly tls?: TlsClient | undefined;
  /** Whether a connection may serve one client after another. */
  readonly mayPool: boolean;
}

/**
 * Milliseconds that connections beyond `maxIdle` stay idle before they are closed. Where more are busy
 * than may be idle, all of them are idle between two requests: to close them there would have each
 * request connect anew.
 */
export const SPARE_MS = 1_000;

/** Milliseconds that a connection may have been idle and yet be taken without a look at it. */
export const FRESH_MS = 1_000;
