import assert from "node:assert/strict";
import { asAuthority, hostOfAuthority } from "./authority.ts";

Deno.test("asAuthority() puts IPv6 in brackets, without what only this machine understands", () => {
  assert.equal(asAuthority("a.test"), "a.test");
  assert.equal(asAuthority("192.0.2.1"), "192.0.2.1");
  assert.equal(asAuthority("2001:db8::1"), "[2001:db8::1]");
  assert.equal(asAuthority("fe80::1%eth0"), "[fe80::1]");
});

Deno.test("hostOfAuthority() gives a host as names are compared", () => {
  const hosts: [authority: string, host: string | undefined][] = [
    ["a.test", "a.test"],
    ["A.Test:8443", "a.test"],
    ["a.test:", "a.test"],
    ["a.test.", "a.test"],
    ["a.test.:8443", "a.test"],
    ["192.0.2.1:80", "192.0.2.1"],
    ["[2001:DB8::1]", "2001:db8::1"],
    ["[2001:db8:0::1]:8443", "2001:db8::1"],
    ["[a.test]", undefined],
    ["[]:80", undefined],
  ];
  for (const [authority, host] of hosts) assert.equal(hostOfAuthority(authority), host, authority);
});
