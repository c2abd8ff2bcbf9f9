import assert from "node:assert/strict";
import fc from "fast-check";
import { ProxyError } from "../core/errors.ts";
import { ENDED, PEER, REQUEST, TLS } from "../../tests/support/events.ts";
import type { ProxyEvent } from "../core/event.ts";
import { type EventLevel, formatEvent, MAX_VALUE_LENGTH } from "./text_format.ts";

const peer = PEER;
const tls = TLS;
const request = REQUEST;

const CASES: readonly { event: ProxyEvent; level: EventLevel; text: string }[] = [
  {
    event: { kind: "handshake", peer, tls },
    level: "info",
    text: "handshake peer=127.0.0.1:5555 protocol=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 " +
      "sni=localhost alpn=http/1.1 resumed=no group=x25519 time=3.1ms",
  },
  {
    event: {
      kind: "handshake",
      peer: { host: "::1", port: 1 },
      tls: {
        sni: undefined,
        alpn: undefined,
        protocol: undefined,
        cipher: undefined,
        resumed: undefined,
        group: undefined,
        handshakeMs: 0,
      },
    },
    level: "info",
    text: "handshake peer=[::1]:1 protocol=- cipher=- sni=- alpn=- resumed=- group=- time=0.0ms",
  },
  {
    event: {
      kind: "handshake_failed",
      peer,
      sni: undefined,
      error: new ProxyError("plain_http", "the client spoke plain HTTP"),
    },
    level: "warning",
    text: "handshake failed peer=127.0.0.1:5555 sni=- error=plain_http " +
      'reason="the client spoke plain HTTP"',
  },
  {
    event: ENDED,
    level: "info",
    text: "end peer=127.0.0.1:5555 in=78 out=411 requests=1 time=0.02s how=done",
  },
  {
    event: {
      ...ENDED,
      bytesIn: 0,
      bytesOut: 0,
      durationMs: 61_234,
      requests: undefined,
      server: "127.0.0.1:5432",
      error: new ProxyError("client_gone", "it broke off"),
    },
    level: "info",
    text: "end peer=127.0.0.1:5555 in=0 out=0 server=127.0.0.1:5432 time=61.23s " +
      'how="client_gone: it broke off"',
  },
  {
    event: { ...ENDED, requests: undefined, error: new ProxyError("no_server", "none is up") },
    level: "warning",
    text: "end peer=127.0.0.1:5555 in=78 out=411 server=- time=0.02s " +
      'how="no_server: none is up"',
  },
  {
    event: { ...ENDED, error: new ProxyError("internal", "a bug") },
    level: "info",
    text: "end peer=127.0.0.1:5555 in=78 out=411 requests=1 time=0.02s " +
      'how="internal: a bug"',
  },
  {
    event: request,
    level: "info",
    text: "request peer=127.0.0.1:5555 client=- id=0af7-1 host=localhost:8443 method=GET " +
      "target=/x?a=b status=200 in=0 out=5 time=1.3ms backend=default server=127.0.0.1:8000 " +
      "error=- route=localhost/x attempts=1 wait=0.3ms first_byte=1.0ms",
  },
  {
    event: {
      ...request,
      status: 502,
      server: undefined,
      waitMs: undefined,
      firstByteMs: undefined,
      error: new ProxyError("connect_failed", "Connection refused"),
    },
    level: "warning",
    text:
      "request peer=127.0.0.1:5555 client=- id=0af7-1 host=localhost:8443 method=GET target=/x?a=b status=502 " +
      "in=0 out=5 time=1.3ms backend=default server=- error=connect_failed " +
      'reason="Connection refused" route=localhost/x attempts=1 wait=- first_byte=-',
  },
  {
    event: {
      kind: "server_state",
      backend: "api",
      server: "127.0.0.1:8001",
      state: "down",
      reason: "check: status 503",
    },
    level: "warning",
    text: 'server down backend=api server=127.0.0.1:8001 reason="check: status 503"',
  },
  {
    event: {
      kind: "server_state",
      backend: "api",
      server: "unix:/run/app.sock",
      state: "ejected",
      reason: "for 10 s",
    },
    level: "warning",
    text: 'server ejected backend=api server=unix:/run/app.sock reason="for 10 s"',
  },
  {
    event: {
      kind: "server_state",
      backend: "api",
      server: "127.0.0.1:8001",
      state: "up",
      reason: "check: status 200",
    },
    level: "info",
    text: 'server up backend=api server=127.0.0.1:8001 reason="check: status 200"',
  },
  {
    event: {
      kind: "servers_resolved",
      backend: "api",
      name: "api.test:80",
      added: ["10.0.0.1:80", "10.0.0.2:80"],
      removed: [],
    },
    level: "info",
    text: "servers resolved backend=api name=api.test:80 added=10.0.0.1:80,10.0.0.2:80 removed=-",
  },
  {
    event: {
      kind: "resolve_failed",
      backend: "api",
      name: "api.test:80",
      error: new ProxyError("resolve_failed", "api.test has no address"),
      kept: 2,
    },
    level: "warning",
    text: 'resolve failed backend=api name=api.test:80 kept=2 reason="api.test has no address"',
  },
  {
    event: {
      kind: "server_failed",
      begun: false,
      backend: "api",
      server: "10.0.0.1:80",
      error: new ProxyError("connect_timeout", "no answer within 5 s"),
    },
    level: "warning",
    text: "server failed backend=api server=10.0.0.1:80 error=connect_timeout " +
      'reason="no answer within 5 s"',
  },
  {
    event: {
      kind: "listener_trouble",
      listen: { host: "0.0.0.0", port: 443 },
      reason: "too many open files",
      accepts: false,
    },
    level: "warning",
    text: 'listener trouble listen=0.0.0.0:443 reason="too many open files"',
  },
  {
    event: {
      kind: "connections_refused",
      listen: { host: "0.0.0.0", port: 443 },
      peer,
      limit: "connectionsPerIp",
      count: 7,
    },
    level: "warning",
    text: "connections refused listen=0.0.0.0:443 count=7 limit=connections_per_ip " +
      "peer=127.0.0.1:5555",
  },
];

Deno.test("formatEvent() gives one line of pairs for each kind of event", () => {
  for (const { event, level, text } of CASES) {
    assert.deepEqual(formatEvent(event), { level, text });
  }
});

Deno.test("formatEvent() keeps a client's mistake at info", () => {
  const error = new ProxyError("bad_chunk", "a chunk size is not hexadecimal");
  assert.equal(formatEvent({ ...request, error }).level, "info");
});

const HOSTILE: readonly [value: string, shown: string][] = [
  ["/a b", '"/a b"'],
  ["/a\nrequest peer=1.1.1.1:1", '"/a\\x0arequest peer=1.1.1.1:1"'],
  ["/\r\n", '"/\\x0d\\x0a"'],
  ["/\x1b[2J", '"/\\x1b[2J"'],
  ["/\0", '"/\\x00"'],
  ["/\x7f", '"/\\x7f"'],
  ['/" status=200', '"/\\" status=200"'],
  ["/\\x0a", '"/\\\\x0a"'],
  ["/é", '"/\\xe9"'],
  ["/\u202e", '"/\\u202e"'],
  ["/\u2028", '"/\\u2028"'],
  ["/😀", '"/\\ud83d\\ude00"'],
  ["", '""'],
  ["-", '"-"'],
  ["a=b", "a=b"],
  ["x".repeat(MAX_VALUE_LENGTH), "x".repeat(MAX_VALUE_LENGTH)],
  ["x".repeat(MAX_VALUE_LENGTH + 1), "x".repeat(MAX_VALUE_LENGTH) + "..."],
];

Deno.test("formatEvent() escapes and bounds what a peer sent", () => {
  for (const [target, shown] of HOSTILE) {
    const { text } = formatEvent({ ...request, target });
    assert.ok(text.includes(` target=${shown} status=`), `${JSON.stringify(target)}: ${text}`);
  }
});

Deno.test("formatEvent() gives printable ASCII of bounded length whatever a peer sent", () => {
  const hostile = fc.oneof(fc.string({ unit: "binary", maxLength: 220 }), fc.string());
  fc.assert(fc.property(hostile, hostile, hostile, hostile, (a, b, c, d) => {
    const events: ProxyEvent[] = [
      { ...request, method: a, target: b, host: c, error: new ProxyError("bad_field", d) },
      { kind: "handshake", peer, tls: { ...tls, sni: a, alpn: b, cipher: c, protocol: d } },
      { kind: "handshake_failed", peer, sni: a, error: new ProxyError("plain_http", b) },
    ];
    for (const event of events) {
      const { text } = formatEvent(event);
      assert.match(text, /^[\x20-\x7e]+$/);
      assert.ok(text.length < 4 * (6 * MAX_VALUE_LENGTH + 5) + 400);
    }
  }));
});

Deno.test("formatEvent() keeps a value inside its pair whatever a peer sent", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (target) => {
    const { text } = formatEvent({ ...request, target });
    const pairs = text.match(/ [a-z_]+=(?:"(?:[^"\\]|\\.)*"|[^ "]+)/g) ?? [];
    assert.equal(`request${pairs.join("")}`, text);
    assert.equal(pairs.length, 17);
  }));
});
