import assert from "node:assert/strict";
import { formatAddress, isLoopback, overlap, parseAddress, withoutMapping } from "./address.ts";

const ADDRESSES: readonly [text: string, host: string, port: number][] = [
  ["127.0.0.1:8443", "127.0.0.1", 8443],
  ["localhost:80", "localhost", 80],
  ["a.example:0", "a.example", 0],
  ["a_b-c:65535", "a_b-c", 65535],
  ["[::1]:8443", "::1", 8443],
  ["[2001:DB8::1]:1", "2001:DB8::1", 1],
  ["[::ffff:127.0.0.1]:1", "::ffff:127.0.0.1", 1],
  ["[fe80::1%2]:1", "fe80::1%2", 1],
  ["[fe80::1%eth0]:1", "fe80::1%eth0", 1],
  ["[fe80::1%eth_0]:1", "fe80::1%eth_0", 1],
];

for (const [text, host, port] of ADDRESSES) {
  Deno.test(`parseAddress() and formatAddress() agree on ${text} (RFC 3986 3.2.2)`, () => {
    assert.deepEqual(parseAddress(text), { host, port });
    assert.equal(formatAddress({ host, port }), text);
  });
}

Deno.test("parseAddress() takes a port alone for all interfaces", () => {
  assert.deepEqual(parseAddress(":8443"), { host: "0.0.0.0", port: 8443 });
});

Deno.test("parseAddress() gives a name as a resolver knows it (RFC 5890)", () => {
  assert.deepEqual(parseAddress("Bücher.Example:80"), { host: "xn--bcher-kva.example", port: 80 });
  assert.deepEqual(parseAddress("LocalHost.:80"), { host: "LocalHost.", port: 80 });
});

Deno.test("parseAddress() takes a port with leading zeros", () => {
  assert.deepEqual(parseAddress("a:00080"), { host: "a", port: 80 });
});

const NO_ADDRESSES = [
  ...[
    "",
    ":",
    "a",
    "a:",
    "8443",
    "127.0.0.1",
    "::1",
    "::1:80",
    "1:2:3",
    "[::1]",
    "[::1]:",
    "[]:80",
  ],
  ...["[a.example]:80", "[::1:80", "::1]:80", "[::1]80", "[[::1]]:80", "[::1]:80:81"],
  ...[
    "a:65536",
    "a:99999",
    "a:100000",
    "a:000080",
    "a:-1",
    "a:+1",
    "a:1.0",
    "a:0x50",
    "a:b",
    "a: 80",
    "a:80 ",
  ],
  ...[" a:80", "a b:80", "a\n:80", "a:80\n", "http://a:80", "a/b:80", "a:٨٠"],
  ...["22:22", "1.2:80", "256.0.0.1:80", "1.2.3.4.5:80", "*:443", "a..b:80", "-a:80", "a.7:80"],
  ...["[1.2.3.4]:80", "[::g]:80", "[1::1::1]:80", "[:]:80"],
  ...["[fe80::1%]:80", "[fe80::1%%2]:80", "[fe80::1%a b]:80", "[%eth0]:80", "[fe80::1%eth0:80"],
];

for (const text of NO_ADDRESSES) {
  Deno.test(`parseAddress() refuses ${JSON.stringify(text)} and names it`, () => {
    assert.throws(() => parseAddress(text), (error: Error & { code?: string }) => {
      assert.equal(error.name, "ProxyError");
      assert.equal(error.code, "bad_config");
      assert.ok(error.message.startsWith(`"${text}" is not an address: `));
      assert.doesNotMatch(error.message, /\.$/);
      return true;
    });
  });
}

const PAIRS: readonly [a: string, b: string, overlap: boolean][] = [
  ["127.0.0.1:1", "127.0.0.1:1", true],
  ["127.0.0.1:1", "127.0.0.1:2", false],
  ["127.0.0.1:1", "127.0.0.2:1", false],
  ["127.0.0.1:0", "127.0.0.1:0", false],
  ["0.0.0.0:1", "127.0.0.1:1", true],
  ["0.0.0.0:1", "[::1]:1", false],
  ["0.0.0.0:1", "[::]:1", true],
  ["[::]:1", "127.0.0.1:1", true],
  ["[::]:1", "[::1]:1", true],
  ["[2001:db8::1]:1", "[2001:DB8:0:0::1]:1", true],
];

for (const [a, b, expected] of PAIRS) {
  Deno.test(`overlap() is ${expected} for ${a} and ${b}, either way around`, () => {
    assert.equal(overlap(parseAddress(a), parseAddress(b)), expected);
    assert.equal(overlap(parseAddress(b), parseAddress(a)), expected);
  });
}

Deno.test("withoutMapping() makes an IPv4 address of a mapped one, and leaves others", () => {
  assert.equal(withoutMapping("::ffff:192.0.2.1"), "192.0.2.1");
  assert.equal(withoutMapping("::FFFF:192.168.123.234"), "192.168.123.234");
  for (
    const host of [
      "192.0.2.1",
      "::1",
      "::ffff:0:1",
      "",
      "x",
      "64::ffff:192.0.2.1",
      "::ffff:1.2.3.4x",
    ]
  ) {
    assert.equal(withoutMapping(host), host);
  }
});

Deno.test("isLoopback() knows every spelling of what only this machine reaches", () => {
  for (
    const host of [
      ...["localhost", "LocalHost", "127.0.0.1", "127.1.2.3", "::1", "0:0:0:0:0:0:0:1"],
      ...["127.255.255.254", "127.10.0.100"],
      ...["::ffff:127.0.0.1", "::FFFF:7f00:1"],
    ]
  ) assert.ok(isLoopback(host), host);
  for (
    const host of [
      "0.0.0.0",
      "::",
      "128.0.0.1",
      "::2",
      "::ffff:10.0.0.1",
      "127.0.0.1.a.test",
      "10.127.0.0",
    ]
  ) assert.ok(!isLoopback(host), host);
});

Deno.test("parseAddress() says how every address is written to who writes *", () => {
  assert.throws(() => parseAddress("*:443"), {
    message: '"*:443" is not an address: "*" is neither a host name nor an IP address; write :443',
  });
});
