/** The methods that everybody knows (RFC 9110, section 9.3, and RFC 5789). */
export const STANDARD_METHODS: readonly string[] = Object.freeze(
  ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"],
);
