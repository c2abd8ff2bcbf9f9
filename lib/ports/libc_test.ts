import assert from "node:assert/strict";
import { libcPath } from "./libc.ts";

const SYSTEMS = [
  { os: "linux", arch: "x86_64", env: "gnu" },
  { os: "linux", arch: "aarch64", env: "gnu" },
  { os: "linux", arch: "x86_64", env: "musl" },
  { os: "linux", arch: "aarch64", env: "musl" },
  { os: "darwin", arch: "aarch64" },
] as const;

Deno.test("libcPath() names the C library of every system", () => {
  assert.deepEqual(SYSTEMS.map((system) => libcPath(system)), [
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib/aarch64-linux-gnu/libc.so.6",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
    "/usr/lib/libSystem.B.dylib",
  ]);
  assert.equal(libcPath({ os: "windows", arch: "x86_64", env: "msvc" }), undefined);
});
