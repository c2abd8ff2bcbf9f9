/** What the versions of HTTP are called by ALPN (RFC 7301, section 6; RFC 9113, section 3.2). */
export const HTTP10 = "http/1.0";
export const HTTP11 = "http/1.1";
export const HTTP2 = "h2";
