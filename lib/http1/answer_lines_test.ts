import assert from "node:assert/strict";
import { latin1 } from "../../tests/support/connection.ts";
import { dateField } from "../http/date.ts";
import { ADD, answerLines, dateLine } from "./answer_lines.ts";

/** What each bit says, in the order of the lines. */
const LINES: readonly [bit: number, line: string][] = [
  [ADD.chunked, "Transfer-Encoding: chunked\r\n"],
  [ADD.via[0], "Via: 1.0 tls-proxy\r\n"],
  [ADD.via[1], "Via: 1.1 tls-proxy\r\n"],
  [ADD.close, "Connection: close\r\n"],
  [ADD.keepAlive, "Connection: keep-alive\r\n"],
];

Deno.test("answerLines() writes a line for each bit, whatever stands beside it", () => {
  for (let chosen = 0; chosen < 2 ** LINES.length; chosen++) {
    const lines = LINES.filter((_, at) => (chosen >> at) % 2 === 1);
    const added = lines.reduce((bits, [bit]) => bits | bit, 0);
    assert.equal(latin1(answerLines(added)), lines.map(([, line]) => line).join(""));
    assert.equal(answerLines(added), answerLines(added), "they are made once");
  }
});

Deno.test("dateLine() writes the line of a second once", () => {
  const [first, next, same] = [dateLine(1000), dateLine(2000), dateLine(2999)];
  assert.equal(next, same);
  assert.equal(latin1(first), dateField(1000).line);
  assert.equal(latin1(next), dateField(2000).line);
  assert.notEqual(latin1(first), latin1(next));
});
