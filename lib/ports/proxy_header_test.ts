import assert from "node:assert/strict";
import { isIPv6 } from "node:net";
import fc from "fast-check";
import { encodeProxyHeader } from "../upstream/proxy_protocol.ts";
import { crc32c } from "./crc32c.ts";
import {
  MAX_PROXY_HEADER_BYTES,
  type ProxyHeader,
  type ProxyHeaderReading,
  readProxyHeader,
} from "./proxy_header.ts";

/** What is read, as a line: the two ends, `nobody`, or why not. */
type Expected = string;

const V1: readonly [line: string, expected: Expected][] = [
  // the examples of section 2.1
  ["PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", "192.168.0.1:56324 192.168.0.11:443"],
  [
    "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
    "255.255.255.255:65535 255.255.255.255:65535",
  ],
  [
    "PROXY TCP6 ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n",
    "a PROXY line without IPv6 addresses",
  ],
  ["PROXY UNKNOWN\r\n", "nobody"],
  [`PROXY UNKNOWN ${"f".repeat(91)}\r\n`, "nobody"],
  [`PROXY UNKNOWN ${"f".repeat(92)}\r\n`, "a PROXY line over 107 bytes"],
  ["PROXY UNKNOWN 1.2.3.4 x\r\n", "nobody"],
  ["PROXY TCP6 2001:DB8:0::1 ::1 65535 0\r\n", "2001:db8::1:65535 ::1:0"],
  ["PROXY TCP6 ::ffff:1.2.3.4 ::ffff:506:708 1 2\r\n", "1.2.3.4:1 5.6.7.8:2"],
  ["PROXY UNKNOWNS\r\n", "a malformed PROXY line"],
  ["PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", "a malformed PROXY line"],
  ["PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", "a malformed PROXY line"],
  ["PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n", "a malformed PROXY line"],
  ["PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "a malformed PROXY line"],
  ["PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n", "a malformed PROXY line"],
  ["PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", "a malformed PROXY line"],
  ["PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "a malformed PROXY line"],
  ["PROXY TCP4 1.2.3.4\t1.2.3.4 1 2\r\n", "a malformed PROXY line"],
  ["PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", "a PROXY line without IPv4 addresses"],
  ["PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n", "a PROXY line without IPv4 addresses"],
  ["PROXY TCP4 ::1 ::1 1 2\r\n", "a PROXY line without IPv4 addresses"],
  ["PROXY TCP6 1.2.3.4 ::1 1 2\r\n", "a PROXY line without IPv6 addresses"],
  ["PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "a PROXY line without IPv6 addresses"],
  ["PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", "a PROXY line without ports"],
  ["PROXY TCP4 1.2.3.4 1.2.3.4 1 02\r\n", "a PROXY line without ports"],
  ["PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", "a PROXY line without ports"],
  ["PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "a PROXY line without CR LF"],
  ["PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n", "a PROXY line without CR LF"],
  ["PROXY UNKNOWN\rx\n", "a PROXY line without CR LF"],
  [`PROXY TCP4 ${"1".repeat(200)}\r\n`, "a PROXY line over 107 bytes"],
];

for (const [line, expected] of V1) {
  Deno.test(`readProxyHeader() reads ${JSON.stringify(line)} as ${expected}`, () => {
    check(new TextEncoder().encode(line), expected);
  });
}

const SIGNATURE = "0d0a0d0a000d0a515549540a";
const V4 = "c0a80001 c0a8000b dc04 01bb";
const ENDS = "192.168.0.1:56324 192.168.0.11:443";
const V6 = "20010db8000000000000000000000001 00000000000000000000000000000001 ffff 0001";
const MAPPED = "00000000000000000000ffff01020304 00000000000000000000ffff05060708 0001 0002";

const V2: readonly [name: string, hex: string, expected: Expected, vectors?: string][] = [
  ["IPv4", `21 11 000c ${V4}`, ENDS],
  ["IPv6", `21 21 0024 ${V6}`, "2001:db8::1:65535 ::1:1"],
  ["mapped IPv4", `21 21 0024 ${MAPPED}`, "1.2.3.4:1 5.6.7.8:2"],
  ["LOCAL", "20 00 0000", "nobody"],
  ["LOCAL with addresses", `20 11 000c ${V4}`, "nobody"],
  ["LOCAL with anything", "20 11 0003 ffffff", "nobody"],
  ["LOCAL of an unknown family", "20 41 0003 ffffff", "nobody"],
  ["LOCAL of an unknown transport", "20 13 0000", "nobody"],
  ["an unspecified family", "21 00 0000", "nobody"],
  ["an unspecified family with vectors", "21 00 0003 040000", "nobody", "4="],
  ["UDP", `21 12 000c ${V4}`, "nobody"],
  ["an unspecified transport", `21 10 000c ${V4}`, "nobody"],
  ["a socket of the file system", `21 31 00d8 ${"2f".repeat(216)}`, "nobody"],
  ["vectors", `21 11 0014 ${V4} 010002 6832 040000`, ENDS, "1=6832 4="],
  ["padding", `21 11 0012 ${V4} 040003 000000`, ENDS, "4=000000"],
  ["an unknown version", "31 11 000c", "a PROXY header of an unknown version"],
  ["version 1 in binary", "11 11 000c", "a PROXY header of an unknown version"],
  ["an unknown command", "22 11 000c", "an unknown PROXY command"],
  ["an unknown family", "21 41", "an unknown PROXY address family"],
  ["an unknown transport", "21 13", "an unknown PROXY address family"],
  ["addresses cut short", `21 11 000b ${V4}`, "a PROXY header cut short"],
  ["IPv6 in the room of IPv4", "21 21 000c", "a PROXY header cut short"],
  ["too many bytes", "21 11 0ff1", "a PROXY header over 4096 bytes"],
  ["a vector cut short", `21 11 0010 ${V4} 04000200`, "a malformed vector in a PROXY header"],
  ["half a vector", `21 11 000e ${V4} 0400`, "a malformed vector in a PROXY header"],
  ["a wrong checksum", `21 11 0013 ${V4} 030004 00000000`, "a PROXY header with a wrong checksum"],
  ["a checksum too short", `21 11 000f ${V4} 030000`, "a PROXY header with a wrong checksum"],
];

for (const [name, hex, expected, vectors = ""] of V2) {
  Deno.test(`readProxyHeader() reads version 2 with ${name}`, () => {
    check(Uint8Array.fromHex((SIGNATURE + hex).replaceAll(" ", "")), expected, vectors);
  });
}

const NO_HEADERS: readonly [name: string, bytes: number[]][] = [
  ["a ClientHello", [22, 3, 1]],
  ["HTTP", [...new TextEncoder().encode("GET / HTTP/1.1\r\n")]],
  ["another verb", [...new TextEncoder().encode("PROPFIND / HTTP/1.1\r\n")]],
  ["blank lines", [13, 10, 13, 10, 13]],
  ["nothing but zeros", [0, 0]],
];

for (const [name, bytes] of NO_HEADERS) {
  Deno.test(`readProxyHeader() finds no header in ${name}`, () => {
    check(Uint8Array.from(bytes), "it does not begin with a PROXY header");
  });
}

Deno.test("readProxyHeader() takes a header of 4096 bytes, and asks for no more than it has", () => {
  const header = Uint8Array.fromHex(SIGNATURE + "21110ff0" + V4.replaceAll(" ", ""));
  const exact = Uint8Array.of(...header, 0xe0, 0x0f, 0xe1, ...new Uint8Array(0xfe1));
  assert.equal(exact.length, MAX_PROXY_HEADER_BYTES);
  assert.equal(readProxyHeader(exact.subarray(0, -1)).kind, "incomplete");
  assert.equal(lengthOf(readProxyHeader(exact)), MAX_PROXY_HEADER_BYTES);
});

Deno.test("readProxyHeader() takes a header with its right checksum, and none with another", () => {
  const header = Uint8Array.fromHex(
    SIGNATURE + `21110016${V4}03000400000000040000`.replaceAll(" ", ""),
  );
  new DataView(header.buffer).setUint32(31, crc32c(header));
  assert.equal(readProxyHeader(header).kind, "header");
  const type = 28;
  for (let at = 16; at < header.length; at++) {
    if (at === type) continue;
    const damaged = header.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    assert.equal(readProxyHeader(damaged).kind, "invalid", `byte ${at}`);
  }
});

Deno.test("crc32c() gives the check value of its catalogue", () => {
  assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
});

const address = fc.oneof(
  fc.ipV4(),
  fc.ipV6().filter(isIPv6),
  fc.constantFrom("::ffff:10.1.2.3", "::", "fe80::1%eth0"),
);
const ends = fc.record({
  host: address,
  port: fc.nat(65535),
});
const text = fc.option(fc.string({ maxLength: 40 }), { nil: undefined });
const tls = fc.record({
  ...{ sni: text, alpn: text, protocol: text, cipher: text },
  resumed: fc.constant(undefined),
  handshakeMs: fc.constant(1),
});

Deno.test("readProxyHeader() reads what encodeProxyHeader() writes, whatever follows", () => {
  const origin = fc.option(fc.record({ peer: ends, local: ends, tls }), { nil: undefined });
  const version = fc.constantFrom("v1" as const, "v2" as const);
  fc.assert(fc.property(version, origin, fc.uint8Array(), (version, origin, rest) => {
    const header = encodeProxyHeader(version, origin);
    const reading = readProxyHeader(Uint8Array.of(...header, ...rest));
    assert.equal(lengthOf(reading), header.length);
    if (reading.kind !== "header" || origin === undefined) return;
    assert.equal(reading.header.origin?.peer.port, origin.peer.port);
    // a family for both: what is written again is the same
    const again = { ...reading.header.origin, tls: origin.tls };
    const { peer, local } = again;
    assert.ok(peer !== undefined && local !== undefined);
    const both = encodeProxyHeader(version, { peer, local, tls: origin.tls });
    assert.deepEqual(readProxyHeader(both), { ...reading, length: both.length });
  }));
});

Deno.test("readProxyHeader() answers whatever comes, and the same when it comes byte by byte", () => {
  const signature = Uint8Array.fromHex(SIGNATURE);
  const start = fc.constantFrom(
    ...[
      signature,
      Uint8Array.of(...signature, 0x21, 0x11, 0, 12),
      new TextEncoder().encode("PROXY "),
    ],
    ...[new TextEncoder().encode("PROXY TCP4 1.2.3.4 "), Uint8Array.of()],
  );
  fc.assert(fc.property(start, fc.uint8Array({ maxLength: 200 }), (start, rest) => {
    const bytes = Uint8Array.of(...start, ...rest);
    const whole = readProxyHeader(bytes);
    if (whole.kind === "incomplete") {
      for (let end = 0; end < bytes.length; end++) {
        assert.equal(readProxyHeader(bytes.subarray(0, end)).kind, "incomplete");
      }
    } else {
      assert.deepEqual(byteByByte(bytes).kind, whole.kind);
    }
  }));
});

/** Holds a reading against what is expected: whole, byte by byte and with bytes behind it. */
function check(bytes: Uint8Array, expected: Expected, vectors = ""): void {
  const whole = readProxyHeader(bytes);
  assert.equal(describe(whole), expected);
  assert.equal(describe(byteByByte(bytes)), expected);
  if (whole.kind !== "header") return;
  assert.equal(whole.length, bytes.length);
  assert.equal(vectorText(whole.header), vectors);
  assert.deepEqual(readProxyHeader(Uint8Array.of(...bytes, 22, 3, 1)), whole);
  for (let end = 0; end < bytes.length; end++) {
    assert.equal(readProxyHeader(bytes.subarray(0, end)).kind, "incomplete", `${end} bytes`);
  }
}

function byteByByte(bytes: Uint8Array): ProxyHeaderReading {
  let reading = readProxyHeader(bytes.subarray(0, 0));
  for (let end = 1; end <= bytes.length && reading.kind === "incomplete"; end++) {
    reading = readProxyHeader(bytes.subarray(0, end));
  }
  return reading;
}

function describe(reading: ProxyHeaderReading): string {
  if (reading.kind === "incomplete") return "incomplete";
  if (reading.kind === "invalid") return reading.reason;
  const { origin } = reading.header;
  if (origin === undefined) return "nobody";
  return [origin.peer, origin.local].map(({ host, port }) => `${host}:${port}`).join(" ");
}

function vectorText({ vectors }: ProxyHeader): string {
  return vectors.map(({ type, value }) => `${type}=${value.toHex()}`).join(" ");
}

function lengthOf(reading: ProxyHeaderReading): number | undefined {
  return reading.kind === "header" ? reading.length : undefined;
}
