import { encodeLatin1 } from "../core/latin1.ts";

/**
 * What a client gets that speaks plain HTTP to a TLS port; whole, as nothing is known of it.
 *
 * @param now milliseconds since 1970
 */
export function plainHttpAnswer(now: number): Uint8Array {
  const body = "400 Bad Request\nThis port speaks HTTPS: use https:// instead of http://\n";
  // IMF-fixdate (RFC 9110, section 5.6.7)
  const date = new Date(now).toUTCString();
  return encodeLatin1(
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n" +
      `Content-Length: ${body.length}\r\nDate: ${date}\r\nConnection: close\r\n\r\n${body}`,
  );
}
