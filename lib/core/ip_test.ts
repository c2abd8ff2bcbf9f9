import assert from "node:assert/strict";
import * as fc from "fast-check";
import { ipBytes, ipText, ipVersion, networkEnds, unmapped, withoutZone } from "./ip.ts";

const FORMS: readonly (readonly [text: string, canonical: string | undefined])[] = [
  ["1.2.3.4", "1.2.3.4"],
  ["255.255.255.255", "255.255.255.255"],
  ["::", "::"],
  ["::1", "::1"],
  ["1::", "1::"],
  ["0:0:0:0:0:0:0:1", "::1"],
  ["2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ["::ffff:1.2.3.4", "::ffff:102:304"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
  ...["", "1.2.3", "01.2.3.4", "1.2.3.4.5", "256.1.1.1", "1::1::1", "::g", "[::1]", "fe80::1%eth0"]
    .map((text) => [text, undefined] as const),
];

Deno.test("ipText() writes what ipBytes() reads in its one form", () => {
  for (const [text, canonical] of FORMS) {
    const bytes = ipBytes(text);
    assert.equal(bytes && ipText(bytes), canonical, text);
  }
});

Deno.test("ipText() is what URLs make of IPv6 addresses, and ipBytes() takes it back", () => {
  fc.assert(fc.property(fc.oneof(fc.ipV6(), fc.ipV4()), (text) => {
    const bytes = ipBytes(text);
    assert.ok(bytes);
    const canonical = ipText(bytes);
    if (text.includes(":")) assert.equal(`[${canonical}]`, new URL(`http://[${text}]`).hostname);
    assert.deepEqual(ipBytes(canonical), bytes);
  }));
});

Deno.test("unmapped() takes IPv4 out of IPv6", () => {
  for (
    const [text, plain] of [
      ["::ffff:1.2.3.4", "1.2.3.4"],
      ["::ffff:102:304", "1.2.3.4"],
      ["::1.2.3.4", "::102:304"],
      ["1.2.3.4", "1.2.3.4"],
      ["::1", "::1"],
    ] as const
  ) assert.equal(ipText(unmapped(ipBytes(text) ?? new Uint8Array(4))), plain);
});

Deno.test("networkEnds() gives the first and the last address", () => {
  const CASES: readonly (readonly [string, ...string[]])[] = [
    ["10.0.0.0/8", "10.0.0.0", "10.255.255.255"],
    ["10.1.2.3/8", "10.0.0.0", "10.255.255.255"],
    ["10.1.2.3/13", "10.0.0.0", "10.7.255.255"],
    ["0.0.0.0/0", "0.0.0.0", "255.255.255.255"],
    ["10.1.2.3/32", "10.1.2.3", "10.1.2.3"],
    ["10.1.2.3", "10.1.2.3", "10.1.2.3"],
    ["2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["::1", "::1", "::1"],
    ["::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ];
  for (const [cidr, ...ends] of CASES) assert.deepEqual(networkEnds(cidr), ends, cidr);
  for (const text of ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "a/8", "1.2.3.4/8/8", "::1%a/8"]) {
    assert.equal(networkEnds(text), undefined, text);
  }
});

Deno.test("ipVersion() takes an address with the zone of any interface", () => {
  const CASES = [["10.0.0.1", 4], ["::1", 6], ["fe80::1%eth_0", 6], ["a%eth0", 0], [
    "",
    0,
  ]] as const;
  for (const [text, version] of CASES) assert.equal(ipVersion(text), version, text);
});

Deno.test("withoutZone() leaves the address alone", () => {
  assert.equal(withoutZone("fe80::1%eth0"), "fe80::1");
  assert.equal(withoutZone("10.0.0.1"), "10.0.0.1");
});
