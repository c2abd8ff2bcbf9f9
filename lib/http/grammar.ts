/**
 * The characters of HTTP/1.1, as tables and patterns beside the section that defines each.
 * Heads are handled as text in which one character is one byte (ISO 8859-1).
 */

/** `token` (RFC 9110, section 5.6.2): methods, field names, transfer codings. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** `request-target` as far as characters go (RFC 9112, section 3.2): visible ASCII, no fragment. */
export const TARGET_CHARACTERS = /^[\x21\x22\x24-\x7e]+$/;

/** `HTTP-version` (RFC 9112, section 2.3). */
export const HTTP_VERSION = /^HTTP\/(\d)\.(\d)$/;

/** `Content-Length` (RFC 9110, section 8.6); 15 digits stay exact in a number. */
export const CONTENT_LENGTH = /^\d{1,15}$/;

/**
 * `Host` (RFC 9110, section 7.2) as `https` URIs can have it: a name, an IPv4 or a bracketed IPv6
 * address, and maybe a port, which may be empty (RFC 3986, section 3.2.3). Stricter than `reg-name`:
 * no percent-encoding and no sub-delims.
 */
export const HOST =
  /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z_](?:[0-9A-Za-z._-]{0,254}))(?::\d{0,5})?$/;

/** Bytes that delimit (RFC 5234, appendix B.1). */
export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const COLON = 0x3a;

/**
 * Bytes that may stand in a line of a head: HTAB, SP, VCHAR and obs-text (RFC 9110, section 5.5).
 * 1 for those, 0 for every other control character, so for NUL, CR, LF and DEL.
 */
export const LINE_BYTE: Uint8Array = lineBytes();

function lineBytes(): Uint8Array {
  const table = new Uint8Array(256).fill(1, SP);
  table[HTAB] = 1;
  table[0x7f] = 0;
  return table;
}
