import assert from "node:assert/strict";
import { ENDED, PEER, REQUEST, TLS } from "../../tests/support/events.ts";
import { ProxyError } from "../core/errors.ts";
import type { ProxyEvent } from "../core/event.ts";
import { metricText } from "./metric_text.ts";
import { Traffic } from "./traffic.ts";

const error = new ProxyError("connect_failed", "refused");
const EVENTS: readonly ProxyEvent[] = [
  { kind: "handshake", peer: PEER, tls: TLS },
  { kind: "handshake", peer: PEER, tls: { ...TLS, resumed: true } },
  { kind: "handshake_failed", peer: PEER, sni: "a", error: new ProxyError("plain_http", "no") },
  { ...REQUEST, attempts: 3, reused: true, bytesIn: 7 },
  { ...REQUEST, status: 502, error },
  { ...REQUEST, route: "z", coded: { coding: "zstd", bytesIn: 9, bytesOut: 4 } },
  { ...REQUEST, route: "z", coded: { coding: "zstd", bytesIn: 1, bytesOut: 2 } },
  { ...REQUEST, route: undefined, backend: undefined, attempts: 0, status: 404 },
  { kind: "server_failed", backend: "default", server: "unix:/a b", error, begun: false },
  { ...ENDED, error: new ProxyError("client_gone", "so it was") },
  { ...ENDED, tls: undefined },
  { kind: "connections_refused", listen: PEER, peer: PEER, limit: "connectionsPerIp", count: 3 },
  { kind: "connections_refused", listen: PEER, peer: PEER, limit: "connectionsPerIp", count: 4 },
  { kind: "reload_failed", reason: "SIGHUP", problems: [] },
];

function counted(): Traffic {
  const traffic = new Traffic();
  for (const event of EVENTS) traffic.observe(event);
  return traffic;
}

Deno.test("Traffic counts every status by its first digit", () => {
  const traffic = new Traffic();
  for (const status of [101, 600, 999, 0]) traffic.observe({ ...REQUEST, status });
  const lines = metricText(traffic.families(), "prometheus").split("\n")
    .filter((line) => line.startsWith("tls_proxy_requests_total{"));
  const classes = lines.map((line) => /status="(\w+)"\} 1$/.exec(line)?.[1]);
  assert.deepEqual(classes, ["none", "1xx", "6xx", "9xx"]);
});

Deno.test("Traffic counts no stranger's choice among failures, as the log warns of none", () => {
  const traffic = new Traffic();
  for (const code of ["no_route", "bad_host", "misdirected", "rate_limited"] as const) {
    traffic.observe({ ...REQUEST, status: 404, error: new ProxyError(code, "no") });
  }
  assert.deepEqual([traffic.requests, traffic.failures], [4, 0]);
  traffic.observe({ ...REQUEST, status: 502, error });
  assert.deepEqual([traffic.requests, traffic.failures], [5, 1]);
});

Deno.test("Traffic counts what happens, by labels of ours", () => {
  const text = metricText(counted().families(), "prometheus");
  for (
    const line of [
      "tls_proxy_connections 1",
      'tls_proxy_handshakes_total{result="done",protocol="TLSv1.3"} 2',
      'tls_proxy_handshakes_total{result="failed",protocol="unknown"} 1',
      "tls_proxy_handshakes_resumed_total 1",
      'tls_proxy_handshake_failures_total{reason="plain_http"} 1',
      'tls_proxy_requests_total{route="localhost/x",backend="default",status="2xx"} 1',
      'tls_proxy_requests_total{route="localhost/x",backend="default",status="5xx"} 1',
      'tls_proxy_requests_total{route="none",backend="none",status="4xx"} 1',
      'tls_proxy_request_errors_total{code="connect_failed"} 1',
      'tls_proxy_request_bytes_total{route="localhost/x",backend="default",direction="in"} 7',
      'tls_proxy_retries_total{route="localhost/x",backend="default"} 2',
      'tls_proxy_upstream_requests_total{route="localhost/x",backend="default",connection="reused"} 1',
      'tls_proxy_server_failures_total{backend="default",server="unix:/a b",code="connect_failed"} 1',
      'tls_proxy_connections_ended_total{how="client_gone"} 1',
      'tls_proxy_connections_ended_total{how="done"} 1',
      'tls_proxy_connections_refused_total{limit="connections"} 0',
      'tls_proxy_connections_refused_total{limit="connections_per_ip"} 7',
      'tls_proxy_reloads_total{result="refused"} 1',
      'tls_proxy_compressed_answers_total{coding="zstd"} 2',
      'tls_proxy_compressed_bytes_total{coding="zstd",direction="in"} 10',
      'tls_proxy_compressed_bytes_total{coding="zstd",direction="out"} 6',
      'tls_proxy_request_duration_seconds_count{route="localhost/x",backend="default"} 2',
    ]
  ) assert.ok(text.split("\n").includes(line), `${line} is in\n${text}`);
});

Deno.test("Traffic makes no label of what a client sends", () => {
  const traffic = counted();
  const before = metricText(traffic.families(), "prometheus").split("\n").length;
  for (let i = 0; i < 1000; i++) {
    traffic.observe({
      ...REQUEST,
      method: `M${i}`,
      target: `/${i}`,
      host: `${i}.test`,
      tls: { ...TLS, sni: `${i}.test` },
      peer: { host: `10.0.${i >> 8}.${i & 255}`, port: i },
    });
    traffic.observe({
      kind: "handshake_failed",
      peer: PEER,
      sni: `${i}.test`,
      error: new ProxyError("plain_http", String(i)),
    });
  }
  assert.equal(metricText(traffic.families(), "prometheus").split("\n").length, before);
});

Deno.test("Traffic counts failures of servers that come and go, and forgets those of long ago", () => {
  const traffic = new Traffic();
  const fail = (server: string) =>
    traffic.observe({ kind: "server_failed", backend: "default", server, error, begun: false });
  for (let i = 0; i < 2000; i++) {
    fail(`10.0.${i >> 8}.${i & 255}:80`);
    if (i % 100 === 0) fail("10.1.1.1:80");
  }
  const lines = metricText(traffic.families(), "prometheus").split("\n")
    .filter((line) => line.startsWith("tls_proxy_server_failures_total{"));
  assert.equal(lines.length, 1000);
  const count = (server: string) =>
    lines.find((line) => line.includes(`server="${server}"`))?.split(" ").at(-1);
  assert.equal(count("10.0.7.207:80"), "1", "the last");
  assert.equal(count("10.1.1.1:80"), "20", "one that goes on failing");
  assert.equal(count("10.0.0.0:80"), undefined, "the first");
});

Deno.test("Traffic forgets routes and backends that are no more", () => {
  const traffic = counted();
  traffic.keepOnly({ routes: new Set(["other"]), backends: new Set(["other"]) });
  const text = metricText(traffic.families(), "prometheus");
  assert.doesNotMatch(text, /backend="default"/);
  assert.match(text, /route="none"/);
});

Deno.test("Traffic keeps what is still there of a route, and what has no name", () => {
  const traffic = new Traffic();
  const observe = (route: string | undefined, backend: string | undefined, rule?: string) =>
    traffic.observe({ ...REQUEST, route, backend, rule });
  observe("a", "kept");
  observe("a", "gone");
  observe("a", undefined, "allow");
  observe("b", "kept", "deny");
  observe(undefined, undefined);
  for (const backend of ["kept", "gone"]) {
    traffic.observe({ kind: "server_failed", backend, server: "1.2.3.4:5", error, begun: false });
  }
  traffic.keepOnly({ routes: new Set(["a"]), backends: new Set(["kept"]) });
  const lines = metricText(traffic.families(), "prometheus").split("\n");
  const labels = (name: string) =>
    lines.filter((line) => line.startsWith(`${name}{`)).map((line) => line.replace(/^.*?\{/, ""));
  assert.deepEqual(labels("tls_proxy_requests_total"), [
    'route="a",backend="kept",status="2xx"} 1',
    'route="a",backend="none",status="2xx"} 1',
    'route="none",backend="none",status="2xx"} 1',
  ]);
  assert.deepEqual(labels("tls_proxy_rule_answers_total"), ['route="a",rule="allow"} 1']);
  assert.deepEqual(labels("tls_proxy_server_failures_total"), [
    'backend="kept",server="1.2.3.4:5",code="connect_failed"} 1',
  ]);
});

Deno.test("Traffic counts bytes, times and connections in their units", () => {
  const traffic = new Traffic();
  traffic.observe({ kind: "handshake", peer: PEER, tls: { ...TLS, handshakeMs: 2500 } });
  traffic.observe({ kind: "handshake", peer: PEER, tls: { ...TLS, handshakeMs: undefined } });
  traffic.observe({ kind: "passthrough", peer: PEER, sni: "a.test" });
  traffic.observe({ kind: "plain_connection", state: "open", peer: PEER });
  traffic.observe({ kind: "plain_connection", state: "open", peer: PEER });
  traffic.observe({ kind: "plain_connection", state: "closed", peer: PEER });
  traffic.observe(ENDED);
  traffic.observe({ ...ENDED, tls: undefined });
  traffic.observe({ ...REQUEST, bytesOut: 11, durationMs: 3000, firstByteMs: 1500 });
  traffic.observe({
    ...REQUEST,
    bytesOut: 12,
    durationMs: 500,
    firstByteMs: undefined,
    attempts: 0,
  });
  const lines = metricText(traffic.families(), "prometheus").split("\n");
  const of = 'route="localhost/x",backend="default"';
  for (
    const line of [
      // two handshakes, one that passed and two of plain text, less one of each
      "tls_proxy_connections 3",
      'tls_proxy_connection_bytes_total{direction="in"} 156',
      'tls_proxy_connection_bytes_total{direction="out"} 822',
      "tls_proxy_handshakes_resumed_total 0",
      "tls_proxy_passthroughs_total 1",
      "tls_proxy_handshake_duration_seconds_sum 2.5",
      "tls_proxy_handshake_duration_seconds_count 1",
      'tls_proxy_handshake_duration_seconds_bucket{le="+Inf"} 1',
      `tls_proxy_request_bytes_total{${of},direction="out"} 23`,
      `tls_proxy_request_duration_seconds_sum{${of}} 3.5`,
      `tls_proxy_request_first_byte_seconds_sum{${of}} 1.5`,
      `tls_proxy_request_first_byte_seconds_count{${of}} 1`,
      `tls_proxy_upstream_requests_total{${of},connection="new"} 1`,
      `tls_proxy_upstream_requests_total{${of},connection="reused"} 0`,
      `tls_proxy_retries_total{${of}} 0`,
    ]
  ) assert.ok(lines.includes(line), `${line} is in\n${lines.join("\n")}`);
});
