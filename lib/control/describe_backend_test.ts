import assert from "node:assert/strict";
import { parseConfig } from "../config/parse.ts";
import { describeBackend } from "./describe_backend.ts";

function describe(backend: string) {
  const text = `listeners: [{ listen: ":1" }]\nbackends: { api: ${backend} }`;
  const found = parseConfig({ path: "p.yaml", text }).config?.backends.get("api");
  assert.ok(found !== undefined, backend);
  return describeBackend(found);
}

Deno.test("describeBackend() says what sets servers apart", () => {
  const { servers } = describe(`{ servers: [
    "a:1", "unix:/b", "dns:c:1",
    { address: "d:1", weight: 2 },
    { address: "e:1", backup: true, max_connections: 3, drain: true }
  ] }`);
  assert.deepEqual(servers, [
    "a:1",
    "unix:/b",
    "dns:c:1",
    "d:1 (weight 2)",
    "e:1 (backup, at most 3 at once, draining)",
  ]);
});

Deno.test("describeBackend() says how clients keep their servers", () => {
  assert.equal(describe(`{ servers: ["a:1"] }`).sticky, undefined);
  const { sticky } = describe(`{ servers: ["a:1"], sticky: { cookie: at, ttl: 90s } }`);
  assert.equal(sticky, "by the cookie at, which lasts 90 s and is renewed before half of that");
});

Deno.test("describeBackend() says what servers are spoken to by, and what they are told first", () => {
  const { protocol, proxyProtocol } = describe(`{ servers: ["a:1"] }`);
  assert.deepEqual([protocol, proxyProtocol], [undefined, undefined]);
  assert.equal(describe(`{ servers: ["a:1"], protocol: h2 }`).protocol, "HTTP/2");
  assert.equal(
    describe(`{ servers: ["a:1"], protocol: auto, tls: true }`).protocol,
    "HTTP/2 or HTTP/1.1, as each server chooses by ALPN",
  );
  assert.equal(
    describe(`{ servers: ["a:1"], proxy_protocol: v2 }`).proxyProtocol,
    "PROXY header v2",
  );
});

const HEALTH: readonly [health: string, text: string][] = [
  ["{ type: none }", "no checks, only what becomes of requests"],
  ["{}", "a connection every 5 s, 3 failures take out, 2 bring back"],
  [
    "{ type: http, path: /h, interval: 300ms, rise: 1 }",
    "GET /h every 0.3 s, 3 failures take out, 1 brings back",
  ],
  ["{ fall: 1 }", "a connection every 5 s, 1 failure takes out, 2 bring back"],
];

Deno.test("describeBackend() says how servers are checked", () => {
  for (const [health, text] of HEALTH) {
    assert.equal(describe(`{ servers: ["a:1"], health: ${health} }`).health, text);
  }
});
