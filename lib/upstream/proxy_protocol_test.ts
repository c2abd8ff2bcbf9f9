import assert from "node:assert/strict";
import { isIPv6 } from "node:net";
import fc from "fast-check";
import type { TlsFacts } from "../core/tls_facts.ts";
import { encodeProxyHeader, type Origin } from "./proxy_protocol.ts";

const V4: Origin = {
  peer: { host: "192.168.0.1", port: 56324 },
  local: { host: "192.168.0.11", port: 443 },
};
const V6: Origin = {
  peer: { host: "2001:db8::1", port: 65535 },
  local: { host: "::1", port: 1 },
};

function origin(peer: string, local: string): Origin {
  return { peer: { host: peer, port: 1 }, local: { host: local, port: 2 } };
}

const V1: readonly [name: string, origin: Origin | undefined, line: string][] = [
  // the example of section 2.1
  ["IPv4", V4, "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"],
  ["IPv6", V6, "PROXY TCP6 2001:db8::1 ::1 65535 1\r\n"],
  ["mapped IPv4", origin("::ffff:1.2.3.4", "::ffff:5.6.7.8"), "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"],
  [
    "both families",
    origin("1.2.3.4", "2001:db8::2"),
    "PROXY TCP6 ::ffff:1.2.3.4 2001:db8::2 1 2\r\n",
  ],
  ["a zone", origin("fe80::1%eth0", "fe80::2%eth0"), "PROXY TCP6 fe80::1 fe80::2 1 2\r\n"],
  ["no IP", origin("", "::1"), "PROXY UNKNOWN\r\n"],
  ["nobody", undefined, "PROXY UNKNOWN\r\n"],
];

for (const [name, given, line] of V1) {
  Deno.test(`encodeProxyHeader() writes version 1 for ${name}`, () => {
    assert.equal(new TextDecoder().decode(encodeProxyHeader("v1", given)), line);
  });
}

Deno.test("encodeProxyHeader() keeps version 1 within its 107 bytes", () => {
  const longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  const ports = { peer: { host: longest, port: 65535 }, local: { host: longest, port: 65535 } };
  assert.ok(encodeProxyHeader("v1", ports).length <= 107);
});

const SIGNATURE = "0d0a0d0a000d0a515549540a";
const TLS: TlsFacts = {
  sni: "a.test",
  alpn: "http/1.1",
  protocol: "TLSv1.3",
  cipher: "TLS_AES_128_GCM_SHA256",
  resumed: false,
  handshakeMs: 1,
};
const NOTHING_KNOWN: TlsFacts = {
  sni: undefined,
  alpn: undefined,
  protocol: undefined,
  cipher: undefined,
  resumed: undefined,
  handshakeMs: 1,
};

const CERT = { subject: "CN=alice", fingerprint: "00" };

const V2: readonly [name: string, origin: Origin | undefined, hex: string][] = [
  ["IPv4", V4, "21 11 000c c0a80001 c0a8000b dc04 01bb"],
  [
    "IPv6",
    V6,
    "21 21 0024 20010db8000000000000000000000001 00000000000000000000000000000001 ffff 0001",
  ],
  [
    "mapped IPv4",
    origin("::ffff:1.2.3.4", "::ffff:5.6.7.8"),
    "21 11 000c 01020304 05060708 0001 0002",
  ],
  [
    "both families",
    origin("1.2.3.4", "2001:db8::2"),
    "21 21 0024 00000000000000000000ffff01020304 20010db8000000000000000000000002 0001 0002",
  ],
  ["no IP", origin("unix", "::1"), "21 00 0000"],
  ["nobody", undefined, "20 00 0000"],
  [
    "TLS",
    { ...V4, tls: TLS },
    "21 11 004b c0a80001 c0a8000b dc04 01bb" +
    " 01 0008 687474702f312e31" +
    " 02 0006 612e74657374" +
    " 20 0028 01 00000001 21 0007 544c5376312e33" +
    " 23 0016 544c535f4145535f3132385f47434d5f534841323536",
  ],
  [
    "a client with a certificate",
    { ...V4, tls: { ...NOTHING_KNOWN, clientCert: CERT } },
    "21 11 0014 c0a80001 c0a8000b dc04 01bb 20 0005 07 00000000",
  ],
  [
    "a resumed session of one",
    { ...V4, tls: { ...NOTHING_KNOWN, resumed: true, clientCert: CERT } },
    "21 11 0014 c0a80001 c0a8000b dc04 01bb 20 0005 05 00000000",
  ],
  [
    "TLS of which nothing is known",
    { ...V4, tls: NOTHING_KNOWN },
    "21 11 0014 c0a80001 c0a8000b dc04 01bb 20 0005 01 00000001",
  ],
];

for (const [name, given, hex] of V2) {
  Deno.test(`encodeProxyHeader() writes version 2 for ${name}`, () => {
    const expected = SIGNATURE + hex.replaceAll(" ", "");
    assert.equal(encodeProxyHeader("v2", given).toHex(), expected);
  });
}

Deno.test("encodeProxyHeader() writes every way of writing an IPv6 address alike", () => {
  fc.assert(fc.property(fc.ipV6(), (text) => {
    fc.pre(isIPv6(text));
    const host = new URL(`http://[${text}]/`).hostname.slice(1, -1);
    assert.deepEqual(
      encodeProxyHeader("v2", { ...V6, peer: { host: text, port: 1 } }).subarray(16),
      encodeProxyHeader("v2", { ...V6, peer: { host, port: 1 } }).subarray(16),
    );
  }));
});
