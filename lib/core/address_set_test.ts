import assert from "node:assert/strict";
import { AddressSet } from "./address_set.ts";

const CASES: readonly [networks: string[], address: string, has: boolean][] = [
  [[], "10.0.0.1", false],
  [["10.0.0.0/8"], "10.255.0.1", true],
  [["10.0.0.0/8"], "11.0.0.1", false],
  [["10.0.0.0/8"], "::ffff:10.0.0.1", true],
  [["10.0.0.0/8"], "::FFFF:10.0.0.1", true],
  [["0.0.0.0/0"], "192.0.2.1", true],
  [["0.0.0.0/0"], "2001:db8::1", false],
  [["192.0.2.1"], "192.0.2.1", true],
  [["192.0.2.1"], "192.0.2.2", false],
  [["192.0.2.1/32"], "192.0.2.1", true],
  [["2001:db8::/32"], "2001:db8:1::1", true],
  [["2001:db8::/32"], "2001:DB8:0:0::1", true],
  [["2001:db8::/32"], "2001:db9::1", false],
  [["fe80::/10"], "fe80::1%eth0", true],
  [["::1"], "::1", true],
  [["10.0.0.0/8", "::1"], "::1", true],
  [["10.0.0.0/8"], "::ffff:a00:1", true],
  [["::ffff:10.0.0.1"], "10.0.0.1", true],
  [["::ffff:10.0.0.0/104"], "10.0.0.1", true],
  [["10.0.0.0/8"], "localhost", false],
  [["10.0.0.0/8"], "", false],
];

for (const [networks, address, has] of CASES) {
  Deno.test(`AddressSet of ${networks.join(" ")} ${has ? "has" : "has not"} ${address}`, () => {
    assert.equal(new AddressSet(networks).has(address), has);
  });
}

Deno.test("AddressSet knows whether it is empty, and stays right when it has forgotten", () => {
  assert.deepEqual([new AddressSet([]).empty, new AddressSet(["::1"]).empty], [true, false]);
  const set = new AddressSet(["10.0.0.0/24"]);
  for (const _ of [1, 2]) {
    for (let i = 0; i < 1200; i++) {
      const [third, last] = [i >> 8, i & 0xff];
      assert.equal(set.has(`10.0.${third}.${last}`), third === 0);
    }
  }
});
