import assert from "node:assert/strict";
import { latin1 } from "../../tests/support/connection.ts";
import { dateField } from "../http/date.ts";
import { optionsAnswer } from "../http/options_answer.ts";
import { bodilessResponse } from "./own_response.ts";

const DATE = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";

Deno.test("bodilessResponse() answers OPTIONS that goes no further (RFC 9110 9.3.7)", () => {
  const answer = optionsAnswer({ id: "i", date: dateField(0) });
  const allow = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n";
  const head = `HTTP/1.1 200 OK\r\n${allow}${DATE}X-Request-Id: i\r\nContent-Length: 0\r\n`;
  const written = (keepAlive: boolean) =>
    latin1(bodilessResponse(answer, { reason: "OK", keepAlive }));
  assert.equal(written(true), `${head}\r\n`);
  assert.equal(written(false), `${head}Connection: close\r\n\r\n`);
});
