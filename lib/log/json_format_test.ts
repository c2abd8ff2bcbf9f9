import assert from "node:assert/strict";
import fc from "fast-check";
import { ENDED, PEER, REQUEST, TLS } from "../../tests/support/events.ts";
import { ProxyError } from "../core/errors.ts";
import type { ProxyEvent } from "../core/event.ts";
import { formatJson, MAX_JSON_LENGTH } from "./json_format.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 6);
const HANDSHAKE = {
  sni: "localhost",
  protocol: "TLSv1.3",
  cipher: "TLS_AES_256_GCM_SHA384",
  alpn: "http/1.1",
  resumed: false,
  group: "x25519",
  handshake_ms: 3.142,
  client_cert: null,
};
const BEGIN = { time: "2026-01-02T03:04:05.006Z", level: "info" };

const CASES: readonly { event: ProxyEvent; json: Record<string, unknown> }[] = [
  {
    event: {
      ...REQUEST,
      client: "10.0.0.1",
      coded: { coding: "gzip", bytesIn: 9, bytesOut: 4 },
    },
    json: {
      ...BEGIN,
      event: "request",
      id: "0af7-1",
      peer: "127.0.0.1:5555",
      client: "10.0.0.1",
      ...HANDSHAKE,
      host: "localhost:8443",
      method: "GET",
      target: "/x?a=b",
      version: "HTTP/1.1",
      status: 200,
      bytes_in: 0,
      bytes_out: 5,
      encoding: "gzip",
      route: "localhost/x",
      rule: null,
      backend: "default",
      server: "127.0.0.1:8000",
      attempts: 1,
      wait_ms: 0.25,
      first_byte_ms: 1,
      total_ms: 1.25,
      how: "done",
      reason: null,
    },
  },
  {
    event: { ...ENDED, error: new ProxyError("client_gone", "it broke off"), tls: undefined },
    json: {
      ...BEGIN,
      event: "end",
      peer: "127.0.0.1:5555",
      ...Object.fromEntries(Object.keys(HANDSHAKE).map((key) => [key, null])),
      bytes_in: 78,
      bytes_out: 411,
      requests: 1,
      route: null,
      backend: null,
      server: null,
      wait_ms: null,
      total_ms: 21,
      how: "client_gone",
      reason: "it broke off",
    },
  },
  {
    event: { kind: "handshake", peer: { host: "::1", port: 1 }, tls: TLS },
    json: { ...BEGIN, event: "handshake", peer: "[::1]:1", ...HANDSHAKE },
  },
  {
    event: {
      kind: "handshake_failed",
      peer: PEER,
      sni: undefined,
      error: new ProxyError("plain_http", "plain HTTP"),
    },
    json: {
      ...BEGIN,
      event: "handshake_failed",
      peer: "127.0.0.1:5555",
      sni: null,
      error: "plain_http",
      reason: "plain HTTP",
    },
  },
];

Deno.test("formatJson() gives one object with all keys in one order for each kind of event", () => {
  for (const { event, json } of CASES) {
    const parsed = JSON.parse(formatJson(event, "info", NOW));
    assert.deepEqual(parsed, json);
    assert.deepEqual(Object.keys(parsed), Object.keys(json));
  }
});

Deno.test("formatJson() has no key of requests and connections that docs/logs.md does not tell", async () => {
  const docs = await Deno.readTextFile(new URL("../../docs/logs.md", import.meta.url));
  const told = CASES.filter(({ event }) => ["request", "connection_end"].includes(event.kind));
  assert.equal(told.length > 1, true);
  for (const { json } of told) {
    for (const key of Object.keys(json)) assert.ok(docs.includes(`\`${key}\``), key);
  }
});

Deno.test("formatJson() has the same keys whatever is not known", () => {
  const bare: ProxyEvent = {
    ...REQUEST,
    method: undefined,
    target: undefined,
    host: undefined,
    version: undefined,
    route: undefined,
    backend: undefined,
    server: undefined,
    waitMs: undefined,
    firstByteMs: undefined,
    tls: undefined,
    error: new ProxyError("bad_request_line", "no"),
  };
  const keys = (event: ProxyEvent) => Object.keys(JSON.parse(formatJson(event, "info", NOW)));
  assert.deepEqual(keys(bare), keys(REQUEST));
});

Deno.test("formatJson() gives one line of printable ASCII that reads as what a peer sent", () => {
  const hostile = fc.oneof(fc.string({ unit: "binary", maxLength: 300 }), fc.string());
  fc.assert(fc.property(hostile, hostile, hostile, (target, host, sni) => {
    const event: ProxyEvent = { ...REQUEST, target, host, tls: { ...TLS, sni } };
    const line = formatJson(event, "info", NOW);
    assert.match(line, /^[\x20-\x7e]+$/);
    const parsed = JSON.parse(line);
    assert.deepEqual([parsed.target, parsed.host, parsed.sni], [target, host, sni]);
  }));
});

Deno.test("formatJson() bounds what a peer sent", () => {
  const line = formatJson({ ...REQUEST, target: "x".repeat(100_000) }, "info", NOW);
  assert.equal(JSON.parse(line).target, "x".repeat(MAX_JSON_LENGTH) + "...");
});

Deno.test("formatJson() leaves no half of a character where it cuts", () => {
  const problems = [`${"x".repeat(MAX_JSON_LENGTH - 1)}\u{1f600}`];
  const line = formatJson({ kind: "reload_failed", reason: "SIGHUP", problems }, "warning", NOW);
  assert.ok(line.endsWith('xx\\ufffd..."}'), line.slice(-30));
});
