import type { ErrorCode } from "../../lib/core/errors.ts";
import { chunkedRequest, head } from "./good_requests.ts";

/** A request that is refused. */
export type BadRequest = readonly [
  when: string,
  /** The RFC and the section that forbids it, or leaves the choice. */
  rfc: string,
  bytes: string,
  code: ErrorCode,
  /** What is taken before, as `brief` writes it. */
  ...before: readonly string[],
];

const BAD_FRAMING: readonly BadRequest[] = [
  [
    "Content-Length stands beside Transfer-Encoding",
    "9112 6.3",
    post("Content-Length: 3", "Transfer-Encoding: chunked"),
    "bad_transfer_encoding",
  ],
  [
    "Transfer-Encoding stands before Content-Length",
    "9112 6.3",
    post("transfer-encoding: chunked", "A: b", "content-length: 0"),
    "bad_transfer_encoding",
  ],
  [
    "Content-Length stands twice with one value",
    "9112 6.3",
    post("Content-Length: 3", "Content-Length: 3"),
    "bad_length",
  ],
  [
    "Content-Length stands twice with two values",
    "9112 6.3",
    post("Content-Length: 3", "A: b", "content-length: 4"),
    "bad_length",
  ],
  ...each(
    '3, 3|3,|,3|+3|-3|3 3|0x3|a||3.0|3e0|3;|"3"|\xb3|1234567890123456|99999999999999999999',
    (length) => [
      `Content-Length is ${show(length)}`,
      "9110 8.6",
      post(`Content-Length: ${length}`),
      "bad_length",
    ],
  ),
  [
    "Transfer-Encoding stands in HTTP/1.0",
    "9112 6.1",
    head("POST / HTTP/1.0", "Host: a", "Transfer-Encoding: chunked"),
    "bad_transfer_encoding",
  ],
  ...each("gzip, chunked|gzip|identity|xchunked|gzip,chunked|a, b, CHUNKED", (coding) => [
    `the transfer coding is ${coding}`,
    "9112 6.1",
    post(`Transfer-Encoding: ${coding}`),
    "unsupported_transfer_coding",
  ]),
  ...each(
    'chunked, chunked|chunked,|,chunked||,|chunked;q=1|"chunked"|chunked\xa0|chun ked|\x85chunked|' +
      "chunked, gzip|CHUNKED,gzip|chunked, gzip, chunked|gzip, chunked, chunked|chunked, identity",
    (coding) => [
      `the transfer coding is ${show(coding)}`,
      "9112 7",
      post(`Transfer-Encoding: ${coding}`),
      "bad_transfer_encoding",
    ],
  ),
  [
    "Transfer-Encoding stands twice",
    "9112 7.1",
    post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    "bad_transfer_encoding",
  ],
  [
    "another coding stands on a line of its own",
    "9112 6.1",
    post("Transfer-Encoding: gzip", "Transfer-Encoding: chunked"),
    "unsupported_transfer_coding",
  ],
  [
    "a vertical tab stands before chunked",
    "9110 5.5",
    post("Transfer-Encoding: \x0bchunked"),
    "bad_field",
  ],
];

const BAD_LINES: readonly BadRequest[] = [
  ["a field is folded with a space", "9112 5.2", post("A: b", " c"), "bad_field"],
  ["a field is folded with a tab", "9112 5.2", post("A: b", "\tc", "D: e"), "bad_field"],
  ["a fold holds a colon", "9112 5.2", post("A: b", " C: d"), "bad_field"],
  ["a fold holds nothing else", "9112 5.2", post("A: b", " \t", "C: d"), "bad_field"],
  ["Host is folded", "9112 5.2", head("GET / HTTP/1.1", "Host:", " a"), "bad_field"],
  ["white space stands before the first field", "9112 2.2", get("\r\n Host: a"), "bad_field"],
  ["white space stands alone in the first line", "9112 2.2", get("\r\n \r\nHost: a"), "bad_field"],
  ["every line ends in a bare LF", "9112 2.2", "GET / HTTP/1.1\nHost: a\n\n", "bad_field"],
  ["the request line ends in a bare LF", "9112 2.2", get("\nHost: a"), "bad_field"],
  ["a field ends in a bare LF", "9112 2.2", get("\r\nHost: a\nC: d"), "bad_field"],
  ["the head ends in a bare LF", "9112 2.2", "GET / HTTP/1.1\r\nHost: a\r\n\n", "bad_field"],
  ["a bare LF stands before it", "9112 2.2", "\n" + get("\r\nHost: a"), "bad_field"],
  ["a bare CR stands before it", "9112 2.2", "\r" + get("\r\nHost: a"), "bad_request_line"],
  ["two empty lines stand before it", "9112 2.2", "\r\n\r\n" + get(), "bad_request_line"],
  ["a bare CR stands in the request line", "9112 2.2", get("\rHost: a"), "bad_field"],
  ["a bare CR stands in a value", "9112 2.2", post("A: b\rC: d"), "bad_field"],
  ["a bare CR stands in a name", "9112 2.2", post("A\r: b"), "bad_field"],
  ["a line ends in CR CR LF", "9112 2.2", post("A: b\r"), "bad_field"],
  ["lines end in LF CR", "9112 2.2", "GET / HTTP/1.1\n\rHost: a\n\r\n\r", "bad_field"],
  ...each("GE\0T / HTTP/1.1|GET /\0 HTTP/1.1|GET / HTTP/1.1\0", (line) => [
    `a NUL stands in the request line ${show(line)}`,
    "9110 5.5",
    head(line, "Host: a"),
    "bad_field",
  ]),
  ...each("\0|\x01|\x08|\x0b|\x0c|\x1b|\x1f|\x7f", (control) => [
    `${show(control)} stands in a value`,
    "9110 5.5",
    post(`A: b${control}c`),
    "bad_field",
  ]),
  ...each("\0|\x01|\x0b|\x7f", (control) => [
    `${show(control)} stands in a name`,
    "9110 5.1",
    post(`A${control}: b`),
    "bad_field",
  ]),
  ...each(
    'A : b|A\t: b|: b|:|A|A b: c|A(: b|A\xe9: b|A/b: c|"A": b|{A: b|A,: b|\xa0A: b|Content-Length : 3',
    (line) => [`a field line is ${show(line)}`, "9112 5.1", post(line), "bad_field"],
  ),
];

const BAD_HOSTS: readonly BadRequest[] = [
  ["there is no Host", "9112 3.2", get("\r\nA: b"), "bad_host"],
  ["there is no field at all", "9112 3.2", get(), "bad_host"],
  ["there are two Hosts", "9112 3.2", get("\r\nHost: a\r\nA: b\r\nhost: b"), "bad_host"],
  ["there are two Hosts of one value", "9112 3.2", get("\r\nHost: a\r\nHost: a"), "bad_host"],
  [
    "there are two Hosts in HTTP/1.0",
    "9112 3.2",
    head("GET / HTTP/1.0", "Host: a", "Host: a"),
    "bad_host",
  ],
  ["Host is malformed in HTTP/1.0", "9112 3.2", head("GET / HTTP/1.0", "Host: u@a"), "bad_host"],
  ...each(
    "u@a|u:p@a|a/b|/|a b|a, b|a,b||:|a::|a::1|a:b|a:1:2|a:123456|::1|[::1|::1]|[::1]a|[]|[g::1]|a?b|a#b|" +
      "http://a|%61|a\\b|a\tb|\xe9|-a|.a|a\xa0|a;b|*|a:-1|a:+80",
    (host) => [`Host is ${show(host)}`, "9110 7.2", get(`\r\nHost: ${host}`), "bad_host"],
  ),
  ["Host is too long", "9110 7.2", get(`\r\nHost: ${"a".repeat(256)}`), "bad_host"],
  ...each(
    "http://b/|http://a:443/|https://a:80/|http://a:8080|https://b|http://a.a/|http://b:/",
    (target) => [
      `Host is a and the target ${target}`,
      "9112 3.2.2",
      head(`GET ${target} HTTP/1.1`, "Host: a"),
      "bad_host",
    ],
  ),
  [
    "there is no Host beside absolute-form",
    "9112 3.2",
    head("GET http://a/ HTTP/1.1"),
    "bad_host",
  ],
];

const BAD_REQUEST_LINES: readonly BadRequest[] = [
  ...each("G@T|G\xc9T|GET:|(GET)|", (method) => [
    `the method is ${show(method)}`,
    "9110 9.1",
    head(`${method} / HTTP/1.1`, "Host: a"),
    "bad_request_line",
  ]),
  ...each(
    "GET\t/\tHTTP/1.1|GET\t/ HTTP/1.1|GET  / HTTP/1.1|GET /  HTTP/1.1| GET / HTTP/1.1|GET / HTTP/1.1 |" +
      "GET / HTTP/1.1\t|GET /|GET|/|GET / |GET / / HTTP/1.1|GET / HTTP/ 1.1|Host: a|GET /a b HTTP/1.1",
    (line) => [
      `the request line is ${show(line)}`,
      "9112 3",
      head(line, "Host: a"),
      "bad_request_line",
    ],
  ),
  ...each(
    "http/1.1|Http/1.1|HTTP/1.10|HTTP/01.1|HTTP/1|HTTP/1.|HTTP/11|HTTPS/1.1|HTTP/1.1a|HTTP/1,1|" +
      "HTTP/1.x|HTTP/\xb9.1|HTTP1.1|1.1|HTTP/-1.1",
    (version) => [
      `the version is ${show(version)}`,
      "9112 2.3",
      head(`GET / ${version}`, "Host: a"),
      "bad_request_line",
    ],
  ),
  ...each("HTTP/2.0|HTTP/1.2|HTTP/0.9|HTTP/3.0|HTTP/0.0|HTTP/9.9", (version) => [
    `the version is ${version}`,
    "9110 2.5",
    head(`GET / ${version}`, "Host: a"),
    "bad_version",
  ]),
  ["it is the preface of HTTP/2", "9113 3.4", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "bad_version"],
  ...each(
    "|/#|/a#b|#|/\xe9|/a\tb|*|a|?a|a:443|./|http:/a|http://|http:///|ftp://a/|http://u@a/|http://a:b/|" +
      "https:a|http://a\\b/|httpx://a|http://[::1/|http://a#b",
    (target) => [
      `the target is ${show(target)}`,
      "9112 3.2",
      head(`GET ${target} HTTP/1.1`, "Host: a"),
      "bad_target",
    ],
  ),
  ["POST has the target *", "9112 3.2.4", head("POST * HTTP/1.1", "Host: a"), "bad_target"],
  ...each("CONNECT a:443|CONNECT /|TRACE /|TRACE *", (methodAndTarget) => [
    `it is ${methodAndTarget}`,
    "9110 9.3.6, 9.3.8",
    head(`${methodAndTarget} HTTP/1.1`, "Host: a"),
    "method_not_allowed",
  ]),
];

/** For limits of 1024 bytes and 20 fields. */
const TOO_LARGE: readonly BadRequest[] = [
  [
    "its first line is too long",
    "9112 3",
    head(`GET /${"a".repeat(1024)} HTTP/1.1`, "Host: a"),
    "target_too_long",
  ],
  ["its first line does not end", "9112 3", "a ".repeat(600), "target_too_long"],
  ["its method does not end", "9112 3", "a".repeat(1025), "bad_request_line"],
  [
    "its method is too long",
    "9112 3",
    head(`${"A".repeat(1024)} / HTTP/1.1`, "Host: a"),
    "bad_request_line",
  ],
  ["its fields are too long", "9110 5.4", post(`A: ${"b".repeat(1024)}`), "head_too_large"],
  ["it has too many fields", "9110 5.4", post(...Array(20).fill("A: b")), "head_too_large"],
];

const BAD_CHUNKS: readonly BadRequest[] = [
  ...each(
    "+3|-3|0x3| 3|3 |\t3|3\t|g||;a|3 ;a|3,|3=|\xb3|3.0|1234567890123|0000000000003|3\0|\n3|\x0b3|" +
      "/|:|@|G|`|3/|3:|3@|3G|3`|3g",
    (size) => badBody(`a chunk's size is ${show(size)}`, `${size}\r\nabc\r\n0\r\n\r\n`),
  ),
  badBody("the second chunk's size is signed", "3\r\nabc\r\n+3\r\nabc\r\n0\r\n\r\n", "abc"),
  badBody("a chunk is longer than its size", "3\r\nabcd\r\n0\r\n\r\n", "abc"),
  badBody("a chunk is shorter than its size", "4\r\nabc\r\n0\r\n\r\n", "abc\r"),
  badBody("a chunk lacks its CRLF", "3\r\nabc0\r\n\r\n", "abc"),
  badBody("a chunk ends in a bare LF", "3\r\nabc\n0\r\n\r\n", "abc"),
  badBody("a chunk ends in a bare CR", "3\r\nabc\r0\r\n\r\n", "abc"),
  badBody("a chunk ends in LF LF", "3\r\nabc\n\n0\r\n\r\n", "abc"),
  badBody("a chunk ends in CR CR", "3\r\nabc\r\r0\r\n\r\n", "abc"),
  badBody("another byte stands for a chunk's CR", "3\r\nabc0\n0\r\n\r\n", "abc"),
  badBody("another byte stands for a chunk's LF", "3\r\nabc\r00\r\n\r\n", "abc"),
  badBody("an empty line stands between chunks", "3\r\nabc\r\n\r\n0\r\n\r\n", "abc"),
  badBody("a size ends in a bare LF", "3\nabc\r\n0\r\n\r\n"),
  badBody("a size ends in a bare CR", "3\rabc\r\n0\r\n\r\n"),
  badBody("the last size ends in a bare LF", "0\n\r\n"),
  badBody("the body ends in a bare LF", "0\r\n\n"),
  badBody("the body ends in a bare CR", "0\r\n\rGET"),
  badBody("an extension ends in a bare LF", "3;a\nabc\r\n0\r\n\r\n"),
  badBody("an extension holds a bare CR", "3;a\rb\r\nabc\r\n0\r\n\r\n"),
  badBody("an extension holds a NUL", "3;a\0\r\nabc\r\n0\r\n\r\n"),
  badBody("an extension holds DEL", "3;a\x7f\r\nabc\r\n0\r\n\r\n"),
  ...each(
    ';|;;a|;a;|;=|;a=|;=b|;a==b|;a b|;a=b c|;a |;a="b|;a="b"c|;"a"|;a,b|;a/b|;\xe9|;a=\xe9',
    (text) => badBody(`an extension is ${show(text)}`, `3${text}\r\nabc\r\n0\r\n\r\n`),
  ),
  badBody("an extension of the last chunk is none", "3\r\nabc\r\n0;\r\n\r\n", "abc"),
  badBody("a trailer ends in a bare LF", "0\r\nA: b\n\r\n"),
  badBody("a trailer holds a NUL", "0\r\nA: \0\r\n\r\n"),
  badBody("the trailers are too long", `0\r\nA: ${"b".repeat(1024)}\r\n\r\n`),
  ...each("A|A : b|: b| A: b|A: b\r\n c|A b: c|A\xe9: b", (line) => [
    `a trailer line is ${show(line)}`,
    "9112 7.1.2",
    chunkedRequest(`0\r\n${line}\r\n\r\n`),
    "bad_field",
    "POST /a chunked",
  ]),
  [
    "there are too many trailers",
    "9112 7.1.2",
    chunkedRequest(`0\r\n${"A: b\r\n".repeat(21)}\r\n`),
    "head_too_large",
    "POST /a chunked",
  ],
];

export const BAD_REQUESTS: readonly BadRequest[] = [
  ...BAD_FRAMING,
  ...BAD_LINES,
  ...BAD_HOSTS,
  ...BAD_REQUEST_LINES,
  ...TOO_LARGE,
  ...BAD_CHUNKS,
  [
    "it comes behind a good one",
    "9112 9.3.2",
    get("\r\nHost: a") + get("\r\nHost : a"),
    "bad_field",
    "GET / none",
  ],
  [
    "it comes behind a body longer than its length",
    "9112 6.2",
    post("Content-Length: 3") + "abcd\r\n\r\n",
    "bad_request_line",
    "POST / length 3",
    "data abc",
    "end",
  ],
];

function get(rest = ""): string {
  return `GET / HTTP/1.1${rest}\r\n\r\n`;
}

function post(...fields: readonly string[]): string {
  return head("POST / HTTP/1.1", "Host: a", ...fields);
}

function badBody(when: string, body: string, data = ""): BadRequest {
  const before = ["POST /a chunked", ...(data === "" ? [] : [`data ${data}`])];
  return [when, "9112 7.1", chunkedRequest(body), "bad_chunk", ...before];
}

/** A row for each of the texts between the bars. */
function each(texts: string, row: (text: string) => BadRequest): BadRequest[] {
  return texts.split("|").map(row);
}

function show(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[^ -~]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16)}`,
  );
}
