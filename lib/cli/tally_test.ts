import assert from "node:assert/strict";
import { ProxyError } from "../core/errors.ts";
import type { ProxyEvent } from "../observability/event.ts";
import { startTally } from "./tally.ts";

const listen = { host: "127.0.0.1", port: 443 };
const peer = { host: "127.0.0.1", port: 5555 };
const error = new ProxyError("not_tls", "not TLS");
const end: ProxyEvent = {
  kind: "connection_end",
  peer,
  bytesIn: 10,
  bytesOut: 20,
  durationMs: 1,
  requests: undefined,
  server: undefined,
  how: "done",
};

Deno.test("startTally() counts failed handshakes and bytes", () => {
  const tally = startTally();
  const events: ProxyEvent[] = [
    { kind: "handshake_failed", peer, sni: undefined, error },
    end,
    end,
    { kind: "server_failed", backend: "default", server: "127.0.0.1:1", error },
  ];
  for (const event of events) tally.observe(event);
  assert.equal(
    tally.summary(),
    "served 0 connections and 0 requests, 1 failed handshake, 20 bytes in, 40 bytes out",
  );
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
