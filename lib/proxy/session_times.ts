/** What sessions of HTTP give their clients time for, whatever their version; in milliseconds. */

/** Without a request, after which little is kept for the next one. */
export const QUIET_MS = 500;
/** How often it is looked whether a client is still there that waits for its answer. */
export const LOOK_MS = 100;
/** For the first request of a connection, where the proxy stops. */
export const FIRST_REQUEST_MS = 2_000;
/**
 * How long a client that has been told all may go on sending before the connection is cut, as cutting
 * it at once would send a reset, which can destroy an answer on its way (RFC 9112, section 9.6).
 */
export const LINGER_MS = 2_000;
/** The same of one that may still be taking its answer, as long as it sends something now and then. */
export const MAX_LINGER_MS = 30_000;
