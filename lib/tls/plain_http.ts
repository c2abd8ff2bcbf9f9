/** What a client gets that speaks plain HTTP to a TLS port; whole, as nothing is known of it. */
export const PLAIN_HTTP_ANSWER: Uint8Array = answer();

function answer(): Uint8Array {
  const body = "400 Bad Request\nThis port speaks HTTPS: use https:// instead of http://\n";
  return new TextEncoder().encode(
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n" +
      `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}
