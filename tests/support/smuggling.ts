/**
 * Requests from the literature on request smuggling: each is made so that two parsers may disagree
 * on where it ends or what it is. `SMUGGLED` stands where a lax server would see one request more.
 */
export type SmugglingCase = readonly [
  what: string,
  bytes: string,
  /** The status that refuses it, or the targets that the backend gets where it is no attack. */
  outcome: number | readonly string[],
];

const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
/** A body that is a whole chunked one, and holds a request for whoever does not think so. */
const ZERO_THEN = `0\r\n\r\n${SMUGGLED}`;

/** A POST with these lines, and what comes behind its head. */
function post(lines: readonly string[], rest: string): string {
  return `POST /a HTTP/1.1\r\nHost: localhost\r\n${lines.join("\r\n")}\r\n\r\n${rest}`;
}

const LENGTH = `Content-Length: ${ZERO_THEN.length}`;
const CHUNKED = "Transfer-Encoding: chunked";

/** Ways of hiding a Transfer-Encoding from one of two parsers, beside a Content-Length. */
const HIDDEN_CODINGS: readonly (readonly [line: string, status: number])[] = [
  ["Transfer-Encoding: xchunked", 400],
  ["Transfer-Encoding : chunked", 400],
  ["Transfer-Encoding\t: chunked", 400],
  ["Transfer-Encoding:\tchunked", 400],
  ["Transfer-Encoding:\x0bchunked", 400],
  ["Transfer-Encoding:\x0cchunked", 400],
  ["Transfer-Encoding:chunked", 400],
  ["Transfer-Encoding: chunked\x00", 400],
  ["Transfer-Encoding: \x00chunked", 400],
  ["\x00Transfer-Encoding: chunked", 400],
  ["Transfer-Encoding\x00: chunked", 400],
  ["Transfer_Encoding: chunked\r\nTransfer-Encoding: chunked", 400],
  [" Transfer-Encoding: chunked", 400],
  ["X: y\r\n Transfer-Encoding: chunked", 400],
  ["X: y\nTransfer-Encoding: chunked", 400],
  ["X: y\rTransfer-Encoding: chunked", 400],
  ["X: y\r\r\nTransfer-Encoding: chunked", 400],
  ["Transfer-Encoding\r\n: chunked", 400],
  ["Transfer-Encoding:\r\n chunked", 400],
  ["Transfer-Encoding:\n chunked", 400],
  ["transfer-encoding: CHUNKED", 400],
  ["Transfer-Encoding: chunked\r\nTransfer-Encoding: x", 400],
  ["Transfer-Encoding: x\r\nTransfer-Encoding: chunked", 400],
  ["Transfer-Encoding: identity", 400],
  ["Transfer-Encoding: chunked, identity", 400],
  ["Transfer-Encoding: identity, chunked", 400],
  ["Transfer-Encoding: 'chunked'", 400],
  ['Transfer-Encoding: "chunked"', 400],
  ["Transfer-Encoding: chunk", 400],
  ["Transfer-Encoding: cow", 400],
  ["Transfer-Encoding: chunked;x=y", 400],
  ["Transfer-Encoding: ,chunked", 400],
  ["Transfer-Encoding: chunked,", 400],
  ["Transfer-Encoding: \xa0chunked", 400],
  ["Tr\xe2nsfer-Encoding: chunked", 400],
  ["Transfer-Encoding: chun\xc3\xa7ked", 400],
  ["Transfer-\xffEncoding: chunked", 400],
];

/** Lengths that parsers read in different ways. */
const LENGTHS = [
  ...[
    "+5",
    "-5",
    "0x5",
    "5,5",
    "5, 6",
    "5 5",
    "5;",
    "\t5\x0b",
    "5e0",
    "5.0",
    "",
    ",5",
    "\u00b2",
  ],
  "18446744073709551621",
  "9999999999999999999999",
];

/** Chunk sizes and endings that parsers read in different ways. */
const CHUNKS: readonly string[] = [
  "+5\r\nhello\r\n0\r\n\r\n",
  "0x5\r\nhello\r\n0\r\n\r\n",
  " 5\r\nhello\r\n0\r\n\r\n",
  "5 \r\nhello\r\n0\r\n\r\n",
  "5\nhello\r\n0\r\n\r\n",
  "5\r\nhello\n0\r\n\r\n",
  "5\r\nhello\r\n0\n\n",
  "5\r\nhello0\r\n\r\n",
  "5\rhello\r\n0\r\n\r\n",
  "fffffffffffffffff5\r\nhello\r\n0\r\n\r\n",
  "-5\r\nhello\r\n0\r\n\r\n",
  "5_0\r\nhello\r\n0\r\n\r\n",
  "\r\n5\r\nhello\r\n0\r\n\r\n",
  "5;a\nb\r\nhello\r\n0\r\n\r\n",
  '5;a="\rb"\r\nhello\r\n0\r\n\r\n',
  "5;\x00\r\nhello\r\n0\r\n\r\n",
  "5\r\nhello\r\n00000000000000\r\n\r\n",
  "5\r\nhello\r\n;\r\n\r\n",
  "5\r\nhello\r\n0\r\nA : b\r\n\r\n",
  "5\r\nhello\r\n0\r\n A: b\r\n\r\n",
  "5\r\nhello\r\n0\r\nA\r\n\r\n",
];

export const SMUGGLING: readonly SmugglingCase[] = [
  ["CL.TE", post([LENGTH, CHUNKED], ZERO_THEN), 400],
  ["TE.CL", post([CHUNKED, "Content-Length: 4"], `5c\r\n${SMUGGLED}\r\n0\r\n\r\n`), 400],
  ["CL.CL, the first longer", post([LENGTH, "Content-Length: 0"], ZERO_THEN), 400],
  ["CL.CL, the second longer", post(["Content-Length: 0", LENGTH], ZERO_THEN), 400],
  ["TE.0 on a method without a body", post([CHUNKED], "0\r\n\r\n").replace("POST", "GET"), ["/a"]],
  ["CL.0: a length on GET", post(["Content-Length: 5"], "hello").replace("POST", "GET"), ["/a"]],
  ["0.CL: a body where none is announced", post(["X: y"], "hello\r\n\r\n"), 400],
  ["TE in HTTP/1.0", post([CHUNKED], ZERO_THEN).replace("HTTP/1.1", "HTTP/1.0"), 400],
  ...HIDDEN_CODINGS.map(([line, status]): SmugglingCase => [
    `CL.TE, hidden: ${JSON.stringify(line)}`,
    post([LENGTH, line], ZERO_THEN),
    status,
  ]),
  ...LENGTHS.map((length): SmugglingCase => [
    `Content-Length: ${JSON.stringify(length)}`,
    post([`Content-Length: ${length}`], "hello"),
    400,
  ]),
  ...CHUNKS.map((body): SmugglingCase => [
    `chunks: ${JSON.stringify(body)}`,
    post([CHUNKED], body),
    400,
  ]),
  [
    "a name that differs in its underscore is passed on as the other field it is",
    post(["Content_Length: 99", "Content-Length: 5"], "hello"),
    ["/a"],
  ],
  [
    "Connection names Content-Length away",
    post(["Connection: Content-Length", LENGTH], ZERO_THEN),
    ["/a"],
  ],
  [
    "Connection names Transfer-Encoding away",
    post(["Connection: Transfer-Encoding", CHUNKED], "0\r\n\r\n"),
    ["/a"],
  ],
  [
    "a chunk extension that holds a request",
    post([CHUNKED], `5;${"x".repeat(50)}\r\nhello\r\n0\r\n\r\n`),
    ["/a"],
  ],
  ["a trailer that frames", post([CHUNKED], "0\r\nContent-Length: 99\r\n\r\n"), ["/a"]],
  [
    "a trailer that routes",
    post([CHUNKED], "0\r\nHost: evil\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ["/a"],
  ],
  ["two Hosts", "GET /a HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n", 400],
  ["Host with a path", "GET /a HTTP/1.1\r\nHost: localhost/x\r\n\r\n", 400],
  ["absolute-form for another host", "GET http://evil/a HTTP/1.1\r\nHost: localhost\r\n\r\n", 400],
  ["a space in the target", "GET /a HTTP/1.1/../x HTTP/1.1\r\nHost: localhost\r\n\r\n", 400],
  ["a request line that ends in a bare LF", "GET /a HTTP/1.1\nHost: localhost\r\n\r\n", 400],
  ["HTTP/0.9", "GET /a\r\n\r\n", 400],
  ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505],
  ["CONNECT", "CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 405],
  ["TRACE", "TRACE /a HTTP/1.1\r\nHost: localhost\r\n\r\n", 405],
  ["an unknown expectation", post(["Expect: 200-ok", "Content-Length: 5"], "hello"), 417],
  ["a coding nobody knows", post(["Transfer-Encoding: gzip, chunked"], "0\r\n\r\n"), 501],
  ["a version nobody speaks", "GET /a HTTP/1.9\r\nHost: localhost\r\n\r\n", 505],
  ["HTTP/1.1 with two spaces", "GET  /a HTTP/1.1\r\nHost: localhost\r\n\r\n", 400],
  ["a tab in the request line", "GET\t/a\tHTTP/1.1\r\nHost: localhost\r\n\r\n", 400],
];

/** What a backend must never see of a refused case. */
export { SMUGGLED };
