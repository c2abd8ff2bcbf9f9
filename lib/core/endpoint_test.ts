import assert from "node:assert/strict";
import { formatServerAddress, parseServerAddress, type ServerAddress } from "./endpoint.ts";

const ADDRESSES: readonly [text: string, address: ServerAddress][] = [
  ["127.0.0.1:80", { kind: "tcp", host: "127.0.0.1", port: 80 }],
  ["[::1]:80", { kind: "tcp", host: "::1", port: 80 }],
  ["api.internal:8001", { kind: "tcp", host: "api.internal", port: 8001 }],
  ["unix:/run/app.sock", { kind: "unix", path: "/run/app.sock" }],
  ["unix:/run/a:b c", { kind: "unix", path: "/run/a:b c" }],
  [`unix:/${"a".repeat(106)}`, { kind: "unix", path: `/${"a".repeat(106)}` }],
  ["dns:API.internal:8001", { kind: "dns", host: "API.internal", port: 8001 }],
  ["dns:_http.api.internal:8001", { kind: "dns", host: "_http.api.internal", port: 8001 }],
];

for (const [text, address] of ADDRESSES) {
  Deno.test(`parseServerAddress() and formatServerAddress() agree on ${text}`, () => {
    assert.deepEqual(parseServerAddress(text), address);
    assert.equal(formatServerAddress(address), text);
  });
}

const NO_ADDRESSES: readonly [text: string, why: RegExp][] = [
  ["127.0.0.1:0", /needs a port/],
  ["dns:a:0", /needs a port/],
  ["dns:127.0.0.1:80", /takes a name/],
  ["dns:[::1]:80", /takes a name/],
  ["dns::80", /takes a name/],
  ["dns:a", /"dns:a" is not an address: it has no port; write dns:api.internal:8001$/],
  ["unix:run/app.sock", /begins with \//],
  ["unix:", /begins with \//],
  ["unix:/run/", /is a folder/],
  [`unix:/${"a".repeat(107)}`, /at most 107 bytes/],
  [`unix:/${"é".repeat(54)}`, /at most 107 bytes/],
  ["unix:/run/\0app", /at most 107 bytes/],
  ["HTTPS://a:443", /leave out HTTPS:\/\/ .*"tls: true"/],
  ["http://a:80/x", /leave out http:\/\/ and any path: a server is host:port$/],
  [
    "https://a:443",
    /leave out https:\/\/ .*; for TLS to it its backend has "tls: true" in the file$/,
  ],
];

for (const [text, why] of NO_ADDRESSES) {
  Deno.test(`parseServerAddress() refuses ${text.slice(0, 40)}`, () => {
    assert.throws(() => parseServerAddress(text), why);
  });
}
