import assert from "node:assert/strict";
import { clientKey } from "./client_key.ts";

Deno.test("clientKey() is the same for all addresses of a /64, and for no others", () => {
  const cases: [one: string, other: string, isSame: boolean][] = [
    ["192.0.2.1", "192.0.2.1", true],
    ["192.0.2.1", "192.0.2.2", false],
    ["2001:db8::1", "2001:db8:0:0:ffff::2", true],
    ["2001:db8::1", "2001:db8:0:1::1", false],
    ["fe80::1%eth0", "fe80::2", true],
    // clients by IPv4, as a translator in front tells of them
    ["64:ff9b::192.0.2.1", "64:ff9b::c000:201", true],
    ["64:ff9b::192.0.2.1", "64:ff9b::192.0.2.2", false],
    ["unix", "unix", true],
  ];
  for (const [one, other, isSame] of cases) {
    assert.equal(clientKey(one) === clientKey(other), isSame, `${one} and ${other}`);
  }
});
