import assert from "node:assert/strict";
import { parseTimes } from "./resumption.ts";

Deno.test("parseTimes() counts handshakes by their letters", () => {
  const summary = "3 connections in 2 real seconds, 4657 bytes read per connection\n";
  const output = `starting\nrr*r\n\n4 connections in 0.58s; 2.6 connections/user sec\n${summary}`;
  assert.deepEqual(parseTimes(output), { resumed: 3, full: 1, bytes: 4657 });
});

Deno.test("parseTimes() finds nothing in an output of failure", () => {
  assert.deepEqual(parseTimes("error\n"), { resumed: 0, full: 0, bytes: 0 });
});
