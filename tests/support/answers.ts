import type { ErrorCode } from "../../lib/core/errors.ts";
import { head } from "./good_requests.ts";

/** An answer that is taken. */
export interface GoodAnswer {
  readonly name: string;
  /** The RFC and the section that allows it. */
  readonly rfc: string;
  readonly bytes: string;
  /** As `brief` writes them. */
  readonly facts: readonly string[];
  /** Of the request; GET if absent. */
  readonly method?: string;
}

/** An answer that is refused. */
export type BadAnswer = readonly [
  when: string,
  /** The RFC and the section that forbids it, or leaves the choice. */
  rfc: string,
  bytes: string,
  /** What is taken before, as `brief` writes it. */
  ...before: readonly string[],
];

export const GOOD_ANSWERS: readonly GoodAnswer[] = [
  {
    name: "a length",
    rfc: "9112 6.2",
    bytes: head("HTTP/1.1 200 OK", "Content-Length: 3") + "abc",
    facts: ["200 length 3", "data abc", "end"],
  },
  {
    name: "a length of 0",
    rfc: "9112 6.2",
    bytes: head("HTTP/1.1 200 OK", "Content-Length: 0"),
    facts: ["200 length 0", "end"],
  },
  {
    name: "chunks",
    rfc: "9112 7.1",
    bytes: chunkedAnswer("3\r\nabc\r\n1;a=b\r\nd\r\n0\r\n\r\n"),
    facts: ["200 chunked", "data abcd", "end"],
  },
  {
    name: "chunks and trailers",
    rfc: "9112 7.1.2",
    bytes: chunkedAnswer("0\r\nA: b\r\n\r\n"),
    facts: ["200 chunked", "end A=b"],
  },
  {
    name: "HEAD with the length of a GET",
    rfc: "9110 9.3.2",
    method: "HEAD",
    bytes: head("HTTP/1.1 200 OK", "Content-Length: 3"),
    facts: ["200 none"],
  },
  {
    name: "HEAD with the coding of a GET",
    rfc: "9112 6.1",
    method: "HEAD",
    bytes: head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"),
    facts: ["200 none"],
  },
  {
    name: "HEAD without any framing",
    rfc: "9112 6.3",
    method: "HEAD",
    bytes: head("HTTP/1.1 200 OK"),
    facts: ["200 none"],
  },
  {
    name: "204",
    rfc: "9112 6.3",
    bytes: head("HTTP/1.1 204 No Content"),
    facts: ["204 none"],
  },
  {
    name: "204 with a length",
    rfc: "9112 6.3",
    bytes: head("HTTP/1.1 204 No Content", "Content-Length: 3"),
    facts: ["204 none"],
  },
  {
    name: "304 with the length of a 200",
    rfc: "9110 15.4.5",
    bytes: head("HTTP/1.1 304 Not Modified", "Content-Length: 3"),
    facts: ["304 none"],
  },
  {
    name: "interim answers before the final one",
    rfc: "9110 15.2",
    bytes: head("HTTP/1.1 100 Continue") + head("HTTP/1.1 103 Early Hints", "Link: </a>") +
      head("HTTP/1.1 200 OK", "Content-Length: 1") + "x",
    facts: ["100 none", "103 none", "200 length 1", "data x", "end"],
  },
  {
    name: "interim answers to HEAD",
    rfc: "9110 15.2",
    method: "HEAD",
    bytes: head("HTTP/1.1 100 Continue") + head("HTTP/1.1 200 OK"),
    facts: ["100 none", "200 none"],
  },
  {
    name: "an empty reason",
    rfc: "9112 4",
    bytes: head("HTTP/1.1 200 ", "Content-Length: 0"),
    facts: ["200 length 0", "end"],
  },
  {
    name: "no reason and no space before it",
    rfc: "9112 4",
    bytes: head("HTTP/1.1 200", "Content-Length: 0"),
    facts: ["200 length 0", "end"],
  },
  {
    name: "a reason above ASCII",
    rfc: "9112 4",
    bytes: head("HTTP/1.1 200 \xd6\x85 a\tb", "Content-Length: 0"),
    facts: ["200 length 0", "end"],
  },
  {
    name: "HTTP/1.0 with a length",
    rfc: "9112 6.2",
    bytes: head("HTTP/1.0 200 OK", "Content-Length: 1") + "x",
    facts: ["200 length 1", "data x", "end"],
  },
  {
    name: "the lowest and the highest status",
    rfc: "9110 15",
    bytes: head("HTTP/1.1 199 X") + head("HTTP/1.1 599 Y", "Content-Length: 0"),
    facts: ["199 none", "599 length 0", "end"],
  },
  // what no standard allows, and every peer takes
  ...[600, 700, 999].map((status) => ({
    name: `status ${status}`,
    rfc: "9110 15",
    bytes: head(`HTTP/1.1 ${status} Odd`, "Content-Length: 1") + "x",
    facts: [`${status} length 1`, "data x", "end"],
  })),
  {
    name: "blanks behind a chunk's size",
    rfc: "9112 7.1",
    bytes: chunkedAnswer("3 \r\nabc\r\n1  \t\r\nd\r\n1 ;a=b\r\ne\r\n0 \r\n\r\n"),
    facts: ["200 chunked", "data abcde", "end"],
  },
  {
    name: "one length twice",
    rfc: "9110 8.6",
    bytes: ok("Content-Length: 3", "A: b", "content-length:3") + "abc",
    facts: ["200 length 3", "data abc", "end"],
  },
  {
    name: "one length three times, and no body",
    rfc: "9110 8.6",
    method: "HEAD",
    bytes: ok("Content-Length: 3", "Content-Length: 3", "Content-Length: 3"),
    facts: ["200 none"],
  },
  {
    name: "folded fields",
    rfc: "9112 5.2",
    bytes: ok("A: b", " c", "B:", "\tc: d ", "Content-Length:", " 1", "C: d", " ") + "x",
    facts: ["200 length 1", "data x", "end"],
  },
  {
    name: "white space before colons",
    rfc: "9112 5.1",
    bytes: ok("A : b", "Content-Length\t : 1", "C : d", " : e") + "x",
    facts: ["200 length 1", "data x", "end"],
  },
  {
    name: "a transfer coding behind a blank and a fold",
    rfc: "9112 5.2",
    bytes: ok("Transfer-Encoding :", "\t chunked") + "0\r\n\r\n",
    facts: ["200 chunked", "end"],
  },
  {
    name: "folded trailers",
    rfc: "9112 5.2",
    bytes: chunkedAnswer("0\r\nA : b\r\n c\r\n\r\n"),
    facts: ["200 chunked", "end A=b c"],
  },
];

/** The end of the connection ends these. */
export const UNTIL_CLOSE_ANSWERS: readonly GoodAnswer[] = [
  {
    name: "a body until the end",
    rfc: "9112 6.3",
    bytes: head("HTTP/1.1 200 OK") + "abc\r\n\r\n",
    facts: ["200 until_close", "data abc\r\n\r\n", "end"],
  },
  {
    name: "an empty body until the end",
    rfc: "9112 6.3",
    bytes: head("HTTP/1.0 200 OK"),
    facts: ["200 until_close", "end"],
  },
];

const BAD_STATUS_LINES: readonly BadAnswer[] = [
  ...each(
    "HTTP/2.0 200 OK|HTTP/1.2 200 OK|HTTP/0.9 200 OK|http/1.1 200 OK|HTTP/1.10 200 OK|HTTP/1 200 OK|" +
      "ICY 200 OK|200 OK|HTTP/1.1|HTTP/1.1 |HTTP/1.1  200 OK|HTTP/1.1\t200 OK| HTTP/1.1 200 OK|" +
      "HTTP/1.1 200OK|HTTP/1.1 200\tOK|HTTP/1.1 20 OK|HTTP/1.1 2000 OK|HTTP/1.1 099 OK|HTTP/1.1 000 X|" +
      "HTTP/1.1 1000 X|HTTP/1.1 +200 OK|HTTP/1.1 2\xb20 OK|HTTP/1.1 OK||<html>|HTTP/1.1 x00 OK|" +
      "HTTP/1.1 2x0 OK|HTTP/1.1 20x OK|HTTP/1.1 :00 OK|HTTP/1.1 2:0 OK|HTTP/1.1 20:|HTTP/1.1 20/ OK",
    (line) => [
      `the status line is ${JSON.stringify(line)}`,
      "9112 4",
      head(line, "Content-Length: 0"),
    ],
  ),
  ["an empty line stands before it", "9112 2.2", "\r\n" + ok("Content-Length: 0")],
  ["a bare LF stands before it", "9112 2.2", "\n" + ok("Content-Length: 0")],
];

const BAD_FIELDS: readonly BadAnswer[] = [
  ["the first line is folded", "9112 2.2", ok(" c")],
  ["the first line is folded with a tab and a colon", "9112 2.2", ok("\tc: d", "A: b")],
  ["a length is folded", "9112 5.2", ok("Content-Length: 3", " 4")],
  ["a length is folded into a list", "9112 5.2", ok("Content-Length: 3", " , 3")],
  ["a transfer coding is folded", "9112 5.2", ok("Transfer-Encoding: chunked", " , gzip")],
  ["a fold ends in a bare LF", "9112 2.2", ok("A: b\n c")],
  ["a fold holds a NUL", "9110 5.5", ok("A: b", " \0")],
  ["lines end in a bare LF", "9112 2.2", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"],
  ["a field ends in a bare LF", "9112 2.2", ok("A: b\nC: d")],
  ["a value holds a bare CR", "9112 2.2", ok("A: b\rC: d")],
  ["a value holds a NUL", "9110 5.5", ok("A: b\0")],
  ["the reason holds a control character", "9112 4", head("HTTP/1.1 200 O\x1bK")],
  ...each(": b|A|A b: c|A b : c|A\xe9: b|A\xe9 : b|\xa0A: b|A\xa0: b", (line) => [
    `a field line is ${JSON.stringify(line)}`,
    "9112 5.1",
    ok(line),
  ]),
];

const BAD_FRAMING: readonly BadAnswer[] = [
  ["it has two framings", "9112 6.3", ok("Content-Length: 3", "Transfer-Encoding: chunked")],
  ["it has two lengths", "9112 6.3", ok("Content-Length: 3", "Content-Length: 4")],
  ["it has one length in two spellings", "9112 6.3", ok("Content-Length: 3", "content-length: 03")],
  [
    "it has another length behind one twice",
    "9112 6.3",
    ok("Content-Length: 3", "Content-Length: 3", "Content-Length: 4"),
  ],
  ["it has one that is none twice", "9110 8.6", ok("Content-Length: +3", "Content-Length: +3")],
  [
    "a length with a blank before its colon stands beside a coding",
    "9112 6.3",
    ok("Content-Length : 3", "Transfer-Encoding: chunked"),
  ],
  ["a coding stands twice", "9112 7.1", ok(...Array(2).fill("Transfer-Encoding: chunked"))],
  ...each("3, 3|+3|-3|0x3|3 3||a|1234567890123456", (length) => [
    `the length is ${JSON.stringify(length)}`,
    "9110 8.6",
    ok(`Content-Length: ${length}`),
  ]),
  ...each("gzip|gzip, chunked|chunked, chunked|chunked, gzip|identity||chunked,", (coding) => [
    `the transfer coding is ${JSON.stringify(coding)}`,
    "9112 7",
    ok(`Transfer-Encoding: ${coding}`),
  ]),
  [
    "HTTP/1.0 has a transfer coding",
    "9112 6.1",
    head("HTTP/1.0 200 OK", "Transfer-Encoding: chunked"),
  ],
  [
    "an interim answer has two framings",
    "9112 6.3",
    head("HTTP/1.1 100 Continue", "Content-Length: 3", "Transfer-Encoding: chunked"),
  ],
];

const BAD_CHUNKS: readonly BadAnswer[] = [
  ...each("+3|0x3| 3|\t3|3 4|3 g|3 \x0b|g|| |1234567890123|-1|3;|3 ;|3;a b", (size) => [
    `a chunk's size is ${JSON.stringify(size)}`,
    "9112 7.1",
    chunkedAnswer(`${size}\r\nabc\r\n0\r\n\r\n`),
    "200 chunked",
  ]),
  [
    "a chunk is longer than its size",
    "9112 7.1",
    chunkedAnswer("3\r\nabcd\r\n0\r\n\r\n"),
    "200 chunked",
    "data abc",
  ],
  ["a size ends in a bare LF", "9112 7.1", chunkedAnswer("3\nabc\r\n"), "200 chunked"],
  [
    "a chunk ends in a bare LF",
    "9112 7.1",
    chunkedAnswer("3\r\nabc\n0\r\n\r\n"),
    "200 chunked",
    "data abc",
  ],
  ["a trailer has no colon", "9112 7.1.2", chunkedAnswer("0\r\nA\r\n\r\n"), "200 chunked"],
  ["a trailer holds a NUL", "9112 7.1.2", chunkedAnswer("0\r\nA: \0\r\n\r\n"), "200 chunked"],
];

/** Answers to a GET over limits of 1024 bytes and 20 fields, and what that is. */
export const LARGE_ANSWERS: readonly (readonly [
  when: string,
  bytes: string,
  code: ErrorCode,
  ...before: readonly string[],
])[] = [
  ["it has too many fields", ok(...Array(21).fill("A: b")), "answer_has_too_many_fields"],
  ["its fields are too long", ok(`A: ${"b".repeat(1024)}`), "answer_too_large"],
  ["its first line is too long", head(`HTTP/1.1 200 ${"a".repeat(1024)}`), "answer_too_large"],
  ["its first line does not end", "a".repeat(1025), "answer_too_large"],
  [
    "it has too many trailers",
    chunkedAnswer(`0\r\n${"A: b\r\n".repeat(21)}\r\n`),
    "answer_has_too_many_fields",
    "200 chunked",
  ],
  [
    "its trailers are too long",
    chunkedAnswer(`0\r\nA: ${"b".repeat(1024)}\r\n\r\n`),
    "answer_too_large",
    "200 chunked",
  ],
];

/** All are `bad_response` to a GET. */
export const BAD_ANSWERS: readonly BadAnswer[] = [
  ...BAD_STATUS_LINES,
  ...BAD_FIELDS,
  ...BAD_FRAMING,
  ...BAD_CHUNKS,
];

/** Answers to a GET that are cut short, and what that is. */
export const CUT_ANSWERS: readonly (readonly [
  when: string,
  bytes: string,
  code: ErrorCode,
  ...before: readonly string[],
])[] = [
  ["it sent nothing", "", "upstream_gone"],
  ["only an interim answer came", head("HTTP/1.1 100 Continue"), "upstream_gone", "100 none"],
  ["a byte came", "H", "truncated_response"],
  ["the head is not complete", "HTTP/1.1 200 OK\r\nA: b\r\n\r", "truncated_response"],
  ["no body came", ok("Content-Length: 3"), "truncated_response", "200 length 3"],
  [
    "a part of the body came",
    ok("Content-Length: 3") + "ab",
    "truncated_response",
    "200 length 3",
    "data ab",
  ],
  ["no chunk came", chunkedAnswer(""), "truncated_response", "200 chunked"],
  [
    "a part of a chunk came",
    chunkedAnswer("3\r\na"),
    "truncated_response",
    "200 chunked",
    "data a",
  ],
  [
    "the last chunk is missing",
    chunkedAnswer("1\r\na\r\n"),
    "truncated_response",
    "200 chunked",
    "data a",
  ],
  [
    "the line behind the last chunk is missing",
    chunkedAnswer("1\r\na\r\n0\r\n"),
    "truncated_response",
    "200 chunked",
    "data a",
  ],
  [
    "a trailer is cut",
    chunkedAnswer("0\r\nA: b\r\n"),
    "truncated_response",
    "200 chunked",
  ],
];

function ok(...fields: readonly string[]): string {
  return head("HTTP/1.1 200 OK", ...fields);
}

function chunkedAnswer(body: string): string {
  return ok("Transfer-Encoding: chunked") + body;
}

/** A row for each of the texts between the bars. */
function each(texts: string, row: (text: string) => BadAnswer): BadAnswer[] {
  return texts.split("|").map(row);
}
