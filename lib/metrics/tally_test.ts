import assert from "node:assert/strict";
import { ProxyError } from "../core/errors.ts";
import type { ProxyEvent } from "../core/event.ts";
import { ENDED, PEER, REQUEST } from "../../tests/support/events.ts";
import { HandshakeLedger } from "./ledger.ts";
import { ledgerLines, startTally } from "./tally.ts";

const listen = { host: "127.0.0.1", port: 443 };
const peer = PEER;
const error = new ProxyError("plain_http", "not TLS");
const end: ProxyEvent = { ...ENDED, bytesIn: 10, bytesOut: 20 };

Deno.test("startTally() counts failed handshakes and bytes", () => {
  const tally = startTally();
  const events: ProxyEvent[] = [
    { kind: "handshake_failed", peer, sni: undefined, error },
    end,
    end,
    REQUEST,
    { ...REQUEST, error },
    { kind: "server_failed", backend: "default", server: "127.0.0.1:1", error, begun: false },
  ];
  for (const event of events) tally.observe(event);
  assert.equal(
    tally.summary(),
    "served 0 connections and 2 requests, 1 error, 1 failed handshake, " +
      "20 bytes in, 40 bytes out",
  );
});

Deno.test("startTally() says of one byte that it is one", () => {
  const tally = startTally();
  tally.observe({ ...ENDED, bytesIn: 1, bytesOut: 1 });
  assert.match(tally.summary(), /, 1 byte in, 1 byte out$/);
});

Deno.test("startTally() counts a connection without TLS, which has no handshake, when it ends", () => {
  const tally = startTally();
  for (const event of [end, { ...ENDED, tls: undefined }]) tally.observe(event);
  assert.equal(tally.counts.connections, 1);
});

Deno.test("ledgerLines() tells who failed and why, and escapes what they sent", () => {
  const ledger = new HandshakeLedger();
  assert.deepEqual(ledgerLines(ledger.report()), []);
  for (const sni of ["a.test", "a.test", "\x1b[2J", undefined]) {
    ledger.add({ kind: "handshake_failed", peer, sni, error });
  }
  assert.deepEqual(ledgerLines(ledger.report()).toSorted(), [
    '1 failed handshake: plain_http, from 127.0.0.0/24, for "\\x1b[2J"',
    "1 failed handshake: plain_http, from 127.0.0.0/24, for no name",
    "2 failed handshakes: plain_http, from 127.0.0.0/24, for a.test",
  ]);
});

Deno.test("startTally() counts connections over the limit where there were some", () => {
  const tally = startTally();
  for (const count of [1, 5]) {
    tally.observe({ kind: "connections_refused", listen, peer, limit: "connections", count });
  }
  assert.equal(
    tally.summary(),
    "served 0 connections and 0 requests, 0 failed handshakes, 6 connections over the limit, " +
      "0 bytes in, 0 bytes out",
  );
});
