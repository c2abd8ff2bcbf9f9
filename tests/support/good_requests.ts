/** A request that is taken. */
export interface GoodRequest {
  readonly name: string;
  /** The RFC and the section that allows it. */
  readonly rfc: string;
  /** Whole requests, or empty lines that mean nothing: the input may end behind each. */
  readonly messages: readonly string[];
  /** As `brief` writes them. */
  readonly facts: readonly string[];
}

/** A head of these lines. */
export function head(...lines: readonly string[]): string {
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** A request with a chunked body, which is given as it is on the wire. */
export function chunkedRequest(body: string): string {
  return head("POST /a HTTP/1.1", "Host: a", "Transfer-Encoding: chunked") + body;
}

export const GOOD_REQUESTS: readonly GoodRequest[] = [
  {
    name: "a GET",
    rfc: "9112 3",
    messages: [head("GET /a?b=c HTTP/1.1", "Host: a")],
    facts: ["GET /a?b=c none"],
  },
  {
    name: "pipelined requests",
    rfc: "9112 9.3.2",
    messages: [
      head("GET /1 HTTP/1.1", "Host: a"),
      head("POST /2 HTTP/1.1", "Host: a", "Content-Length: 3") + "abc",
      chunkedRequest("1\r\nd\r\n0\r\n\r\n"),
      head("GET /4 HTTP/1.1", "Host: a"),
    ],
    facts: [
      "GET /1 none",
      "POST /2 length 3",
      "data abc",
      "end",
      "POST /a chunked",
      "data d",
      "end",
      "GET /4 none",
    ],
  },
  {
    name: "a body that looks like a request",
    rfc: "9112 6.2",
    messages: [
      head("POST /a HTTP/1.1", "Host: a", "Content-Length: 18") + "GET / HTTP/1.1\r\n\r\n",
    ],
    facts: ["POST /a length 18", "data GET / HTTP/1.1\r\n\r\n", "end"],
  },
  {
    name: "a length of 0",
    rfc: "9112 6.2",
    messages: [head("POST /a HTTP/1.1", "Host: a", "Content-Length: 0")],
    facts: ["POST /a length 0", "end"],
  },
  {
    name: "a length with leading zeros",
    rfc: "9110 8.6",
    messages: [head("POST /a HTTP/1.1", "Host: a", "Content-Length: 0003") + "abc"],
    facts: ["POST /a length 3", "data abc", "end"],
  },
  {
    name: "a GET with a body",
    rfc: "9110 9.3.1",
    messages: [head("GET /a HTTP/1.1", "Host: a", "Content-Length: 1") + "x"],
    facts: ["GET /a length 1", "data x", "end"],
  },
  {
    name: "a chunked body",
    rfc: "9112 7.1",
    messages: [chunkedRequest("3\r\nabc\r\n0a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n")],
    facts: ["POST /a chunked", "data abc01234567890123456789", "end"],
  },
  {
    name: "the largest digit of a chunk's size in both cases",
    rfc: "9112 7.1",
    messages: [chunkedRequest("f\r\n0123456789abcde\r\nF\r\n0123456789abcde\r\n0\r\n\r\n")],
    facts: ["POST /a chunked", "data 0123456789abcde0123456789abcde", "end"],
  },
  {
    name: "chunks that hold line ends",
    rfc: "9112 7.1",
    messages: [chunkedRequest("7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n")],
    facts: ["POST /a chunked", "data 0\r\n\r\n\r\n", "end"],
  },
  {
    name: "an empty chunked body",
    rfc: "9112 7.1",
    messages: [chunkedRequest("0\r\n\r\n")],
    facts: ["POST /a chunked", "end"],
  },
  {
    name: "chunk sizes with leading zeros",
    rfc: "9112 7.1",
    messages: [chunkedRequest("000000000001\r\nx\r\n000000000000\r\n\r\n")],
    facts: ["POST /a chunked", "data x", "end"],
  },
  {
    name: "chunk extensions",
    rfc: "9112 7.1.1",
    messages: [
      chunkedRequest(
        '12;h\r\n0123456789abcdefgh\r\n3;a\r\nabc\r\n2;b=c;d="e;f\xe9\t"\r\nde\r\n0;g\r\n\r\n',
      ),
    ],
    facts: ["POST /a chunked", "data 0123456789abcdefghabcde", "end"],
  },
  {
    name: "blanks in chunk extensions",
    rfc: "9112 7.1.1",
    messages: [chunkedRequest('3; a\r\nabc\r\n2;b =\tc ;d="e\\""\r\nde\r\n0;g\r\n\r\n')],
    facts: ["POST /a chunked", "data abcde", "end"],
  },
  {
    name: "an empty Expect",
    rfc: "9110 5.6.1.2",
    messages: [
      head("GET /1 HTTP/1.1", "Host: a", "Expect:"),
      head("GET /2 HTTP/1.1", "Host: a", "Expect: , ,100-Continue,", "Expect: "),
    ],
    facts: ["GET /1 none", "GET /2 none"],
  },
  {
    name: "trailers",
    rfc: "9112 7.1.2",
    messages: [chunkedRequest("3\r\nabc\r\n0\r\nA: b\r\nC:\td \r\nA:\r\n\r\n")],
    facts: ["POST /a chunked", "data abc", "end A=b C=d A="],
  },
  {
    name: "chunked in another case",
    rfc: "9112 7",
    messages: [head("POST /a HTTP/1.1", "Host: a", "TRANSFER-ENCODING:  ChunKed\t") + "0\r\n\r\n"],
    facts: ["POST /a chunked", "end"],
  },
  {
    name: "absolute-form",
    rfc: "9112 3.2.2",
    messages: [head("GET http://A.example:80/b?c HTTP/1.1", "Host: a.example:80")],
    facts: ["GET /b?c none"],
  },
  ...[
    ["http://a:80/", "a"],
    ["http://a/", "A:80"],
    ["HTTP://a:/", "a:080"],
    ["https://a:443/", "a"],
    ["HTTPS://A/", "a:443"],
    ["https://a/", "a:"],
    ["http://[::1]:80/", "[::1]"],
    ["https://[::1]/", "[::1]:443"],
  ].map(([target, host]) => ({
    name: `${target} with Host: ${host}`,
    rfc: "9110 4.2.3",
    messages: [head(`GET ${target} HTTP/1.1`, `Host: ${host}`)],
    facts: ["GET / none"],
  })),
  {
    name: "absolute-form with a query and no path",
    rfc: "9112 3.2.2",
    messages: [head("GET HTTPS://a?c HTTP/1.1", "Host: a")],
    facts: ["GET /?c none"],
  },
  {
    name: "OPTIONS in absolute-form without a path",
    rfc: "9112 3.2.4",
    messages: [head("OPTIONS http://a HTTP/1.1", "Host: a")],
    facts: ["OPTIONS * none"],
  },
  {
    name: "OPTIONS *",
    rfc: "9112 3.2.4",
    messages: [head("OPTIONS * HTTP/1.1", "Host: a")],
    facts: ["OPTIONS * none"],
  },
  {
    name: "HTTP/1.0 with Host",
    rfc: "9112 3.2",
    messages: [head("GET / HTTP/1.0", "Host: a")],
    facts: ["GET / none"],
  },
  {
    name: "HTTP/1.0 without Host",
    rfc: "9112 3.2",
    messages: [head("GET / HTTP/1.0")],
    facts: ["GET / none"],
  },
  {
    name: "HTTP/1.0 in absolute-form without Host",
    rfc: "9112 3.2.2",
    messages: [head("GET http://a/b HTTP/1.0")],
    facts: ["GET /b none"],
  },
  {
    name: "one empty line before each request",
    rfc: "9112 2.2",
    messages: [
      "\r\n",
      head("POST /1 HTTP/1.1", "Host: a", "Content-Length: 1") + "x",
      "\r\n",
      chunkedRequest("0\r\n\r\n"),
      "\r\n",
      head("GET /2 HTTP/1.1", "Host: a"),
    ],
    facts: ["POST /1 length 1", "data x", "end", "POST /a chunked", "end", "GET /2 none"],
  },
  {
    name: "a method of every token character",
    rfc: "9110 5.6.2",
    messages: [head("M-Search09!#$%&'*+.^_`|~ / HTTP/1.1", "Host: a")],
    facts: ["M-Search09!#$%&'*+.^_`|~ / none"],
  },
  {
    name: "a target of every character but #",
    rfc: "9112 3.2",
    messages: [head("GET //!\"$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~ HTTP/1.1", "Host: a")],
    facts: ["GET //!\"$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~ none"],
  },
  ...["a", "A-b.c_d", "127.0.0.1", "[::1]", "[2001:DB8::1]:8443", "a.:1", "_a", "9", "a:", "[::1]:"]
    .map((
      host,
    ) => ({
      name: `Host: ${host}`,
      rfc: "9110 7.2",
      messages: [head("GET / HTTP/1.1", `Host: ${host}`)],
      facts: ["GET / none"],
    })),
];
