import { head } from "./good_requests.ts";

const COOKIE =
  "_ga=GA1.2.1000007919.1764000000; session=9e3779b19e3779b19e3779b1; theme=dark; a|b:c";

/** Heads as clients that are in use send them: request `i` of many that differ as theirs do. */
export const REAL_REQUESTS: Readonly<Record<string, (i: number) => string>> = {
  chromium: (i) =>
    head(
      `GET /b/asset-${i}.js?v=${i * 31} HTTP/1.1`,
      "Host: shop.example.com",
      "Connection: keep-alive",
      'sec-ch-ua-platform: "Linux"',
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) " +
        "Chrome/142.0.0.0 Safari/537.36",
      'sec-ch-ua: "Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"',
      "sec-ch-ua-mobile: ?0",
      "Accept: */*",
      "Sec-Fetch-Site: same-origin",
      "Sec-Fetch-Mode: no-cors",
      "Sec-Fetch-Dest: script",
      `Referer: https://shop.example.com/category/${i % 8}/items?page=${i % 5}`,
      "Accept-Encoding: gzip, deflate, br, zstd",
      "Accept-Language: en-US,en;q=0.9,de;q=0.8",
      `Cookie: ${COOKIE}${"x".repeat(i % 64)}`,
    ),
  firefox: (i) =>
    head(
      `GET /page/${i} HTTP/1.1`,
      "Host: shop.example.com:8443",
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
      "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
      "Accept-Language: en-US,en;q=0.5",
      "Accept-Encoding: gzip, deflate, br, zstd",
      "Connection: keep-alive",
      "Upgrade-Insecure-Requests: 1",
      `If-None-Match: "${i}"`,
      "Priority: u=0, i",
    ),
  websocket: (i) =>
    head(
      "GET /socket HTTP/1.1",
      "Host: shop.example.com",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Origin: https://shop.example.com",
      "Sec-WebSocket-Version: 13",
      `Sec-WebSocket-Key: ${btoa(String(1e15 + i))}`,
    ),
  curl: (i) =>
    head(
      `GET /b/asset-${i}.js HTTP/1.1`,
      "Host: shop.example.com",
      "User-Agent: curl/8.5.0",
      "Accept: */*",
    ),
  "an upload of curl": (i) =>
    head(
      "PUT /upload HTTP/1.1",
      "Host: [::1]:8443",
      "User-Agent: curl/8.5.0",
      "Accept: */*",
      `Content-Length: ${1048577 + i}`,
      "Expect: 100-continue",
    ),
  "an API's client": (i) =>
    head(
      `POST /v1/orders/${i * 7919} HTTP/1.1`,
      "host: api.example.com",
      "user-agent: okhttp/4.12.0",
      `authorization: Bearer ${"t".repeat(300)}`,
      "content-type: application/json",
      "transfer-encoding: chunked",
      `x-request-id: 0af7651916cd43dd8448eb211c80319c-${i}`,
      "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ),
  "another proxy": (i) =>
    head(
      "GET /a HTTP/1.1",
      "Host: a.example",
      "X-Forwarded-For: 192.0.2.1, 198.51.100.7",
      "X-Forwarded-Proto: https",
      "X-Forwarded-Host: b.example",
      "X-Forwarded-Port: 443",
      "X_Forwarded_For: 192.0.2.2",
      "Forwarded: for=192.0.2.1;proto=https",
      "Via: 1.1 varnish",
      `Content-Length: ${i}`,
      "Connection: close",
    ),
  "a benchmark": () =>
    head(
      "GET / HTTP/1.0",
      "Connection: Keep-Alive",
      "Host: 127.0.0.1:8443",
      "User-Agent: ApacheBench/2.3",
      "Accept: */*",
    ),
  "an old client": () => head("GET /index.html HTTP/1.0"),
  perl: () =>
    head(
      "GET / HTTP/1.1",
      "TE: deflate,gzip;q=0.3, trailers",
      "Connection: TE, close",
      "Host: a.example",
      "User-Agent: lwp-request/6.72",
    ),
};

/** Heads of answers, as servers that are in use send them. */
export const REAL_ANSWERS: Readonly<Record<string, (i: number) => string>> = {
  nginx: (i) =>
    head(
      "HTTP/1.1 200 OK",
      "Server: nginx/1.22.1",
      "Date: Sat, 28 Nov 2026 17:05:55 GMT",
      "Content-Type: application/javascript",
      `Content-Length: ${711 + i}`,
      "Last-Modified: Sat, 28 Nov 2026 17:04:18 GMT",
      "Connection: keep-alive",
      `ETag: "6b0b0992-${i}"`,
      "Cache-Control: public, max-age=3600",
      "Accept-Ranges: bytes",
    ),
  apache: (i) =>
    head(
      "HTTP/1.1 200 OK",
      "Date: Sat, 28 Nov 2026 17:05:55 GMT",
      "Server: Apache/2.4.62 (Debian)",
      "Upgrade: h2,h2c",
      "Connection: Upgrade, Keep-Alive",
      "Keep-Alive: timeout=5, max=100",
      "Vary: Accept-Encoding",
      `Content-Length: ${i}`,
    ),
  "an application": (i) =>
    head(
      "HTTP/1.1 201 Created",
      "X-Powered-By: Express",
      "Content-Type: application/json; charset=utf-8",
      `Set-Cookie: a=${i}; Path=/; HttpOnly`,
      `Set-Cookie: b=${i}; Path=/`,
      "Date: Sat, 28 Nov 2026 17:05:55 GMT",
      "Connection: keep-alive",
      "Keep-Alive: timeout=5",
      "Transfer-Encoding: chunked",
    ),
  "an old server": () =>
    head(
      "HTTP/1.0 200 OK",
      "Server: SimpleHTTP/0.6 Python/3.11.2",
      "Date: Sat, 28 Nov 2026 17:05:55 GMT",
      "Content-type: text/html",
    ),
  "a cache": (i) =>
    head(
      "HTTP/1.1 304 Not Modified",
      "Via: 1.1 varnish (Varnish/7.1)",
      `Age: ${i}`,
      "Content-Length: 3",
      "Connection: close",
    ),
  "no content": () => head("HTTP/1.1 204 No Content", "Content-Length: 0", "Connection: close"),
  continue: () => head("HTTP/1.1 100 Continue"),
  "early hints": () => head("HTTP/1.1 103 Early Hints", "Link: </a.css>; rel=preload"),
  websocket: (i) =>
    head(
      "HTTP/1.1 101 Switching Protocols",
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Accept: ${btoa(String(1e15 + i))}`,
    ),
  "a login": () =>
    head("HTTP/1.1 401 Unauthorized", "WWW-Authenticate: Negotiate", "Content-Length: 0"),
  "a proxy that asks who one is": () =>
    head("HTTP/1.1 407 Who", "Proxy-Authenticate: Basic realm=a", "Content-Length: 0"),
};
