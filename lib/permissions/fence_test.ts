import assert from "node:assert/strict";
import { type Holds, missingGrants, surplusFlags } from "./fence.ts";
import type { Grants } from "./grants.ts";

const NEEDS: Grants = {
  net: ["127.0.0.1:8443", "[::1]:80", "unix:/run/a"],
  read: ["/etc/proxy.yaml", "/etc/tls"],
  write: ["/run/a"],
  env: ["NOTIFY_SOCKET"],
  ffi: ["/lib/libc.so.6"],
};

const EXACT = [
  ...["net=127.0.0.1:8443", "net=[::1]:80", "net=unix:/run/a", "read=/etc/proxy.yaml"],
  ...["read=/etc/tls", "write=/run/a", "env=NOTIFY_SOCKET", "ffi=/lib/libc.so.6"],
];

Deno.test("missingGrants() names what is needed and not held, but for the C library", () => {
  assert.deepEqual(missingFlags(NEEDS, holding(EXACT)), []);
  assert.deepEqual(missingFlags(NEEDS, holding(["net", "read", "write", "env"])), []);
  assert.deepEqual(
    missingFlags(NEEDS, holding([])),
    EXACT.slice(0, -1).map((grant) => `--allow-${grant}`),
  );
  for (const grant of EXACT.slice(0, -1)) {
    const others = EXACT.filter((other) => other !== grant);
    assert.deepEqual(missingFlags(NEEDS, holding(others)), [`--allow-${grant}`]);
  }
});

Deno.test("missingGrants() asks for both ends of a range, as ranges cannot be asked for", () => {
  const CASES = [
    ["10.0.0.0/8:80", ["10.0.0.0:80", "10.255.255.255:80"]],
    ["0.0.0.0/0:8001", ["0.0.0.0:8001", "255.255.255.255:8001"]],
    ["[2001:db8::/32]:80", ["[2001:db8::]:80", "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:80"]],
    ["127.0.0.1:80", ["127.0.0.1:80"]],
    ["unix:/run/a/8:80", ["unix:/run/a/8:80"]],
  ] as const;
  for (const [range, asked] of CASES) {
    const needs = { net: [range], read: [], write: [], env: [], ffi: [] };
    assert.deepEqual(missingFlags(needs, holding(asked.map((host) => `net=${host}`))), []);
    for (const only of asked) {
      const others = asked.filter((host) => host !== only).map((host) => `net=${host}`);
      assert.deepEqual(missingFlags(needs, holding(others)), [`--allow-net=${range}`]);
    }
  }
});

Deno.test("surplusFlags() takes all libraries for needed where one has to call back", () => {
  const needs: Grants = { ...NEEDS, ffi: "any" };
  assert.deepEqual(surplusFlags(needs, holding(["ffi"])), []);
});

Deno.test("surplusFlags() names what is held beyond the needs", () => {
  const CASES: readonly [more: readonly string[], surplus: readonly string[]][] = [
    [[], []],
    [["net"], ["--allow-net"]],
    [["net=127.0.0.1"], ["--allow-net=127.0.0.1"]],
    [["net=[::1]"], ["--allow-net=[::1]"]],
    [["read", "run", "sys", "env", "ffi"], [
      ...["--allow-read", "--allow-env", "--allow-sys", "--allow-run", "--allow-ffi"],
    ]],
    [["write"], ["--allow-write"]],
    [["write=/etc/tls"], ["--allow-write=/etc/tls"]],
  ];
  for (const [more, surplus] of CASES) {
    assert.deepEqual(surplusFlags(NEEDS, holding([...EXACT, ...more])), surplus);
  }
  const anyPort = { ...NEEDS, net: ["127.0.0.1", "127.0.0.1:80"] };
  assert.deepEqual(surplusFlags(anyPort, holding(["net=127.0.0.1"])), []);
});

/** Answers as the runtime does: a kind as a whole covers all of it, a host all its ports. */
function holding(granted: readonly string[]): Holds {
  return (permission) => {
    const { name, ...rest } = permission as { name: string; [key: string]: string };
    const [value] = Object.values(rest);
    if (value === undefined) return granted.includes(name);
    const host = value.replace(/:\d+$/, "");
    return [name, `${name}=${value}`, `${name}=${host}`].some((grant) => granted.includes(grant));
  };
}

function missingFlags(needs: Grants, holds: Holds): readonly string[] {
  return missingGrants(needs, holds).map(({ flag }) => flag);
}
