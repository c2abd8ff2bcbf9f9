import assert from "node:assert/strict";
import { type Holds, missingFlags, surplusFlags } from "./fence.ts";
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

Deno.test("missingFlags() names what is needed and not held, but for the C library", () => {
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
