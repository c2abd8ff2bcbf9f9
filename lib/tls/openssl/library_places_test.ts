import assert from "node:assert/strict";
import { installedPlaces, libraryPlaces, openingTrouble } from "./library_places.ts";

Deno.test("libraryPlaces() names the folders of every distribution, and nothing elsewhere", () => {
  const folders = (build: Parameters<typeof libraryPlaces>[0]) =>
    libraryPlaces(build).map(({ ssl }) => ssl);
  assert.deepEqual(folders({ os: "linux", arch: "x86_64", env: "gnu" }), [
    "/usr/lib/x86_64-linux-gnu/libssl.so.3",
    "/usr/lib64/libssl.so.3",
    "/usr/lib/libssl.so.3",
  ]);
  assert.deepEqual(folders({ os: "linux", arch: "aarch64", env: "gnu" }), [
    "/usr/lib/aarch64-linux-gnu/libssl.so.3",
    "/usr/lib64/libssl.so.3",
    "/usr/lib/libssl.so.3",
  ]);
  assert.deepEqual(folders({ os: "linux", arch: "x86_64", env: "musl" }), [
    "/usr/lib/libssl.so.3",
    "/lib/libssl.so.3",
  ]);
  assert.deepEqual(folders({ os: "darwin", arch: "aarch64" }), [
    "/opt/homebrew/opt/openssl@3/lib/libssl.3.dylib",
    "/usr/local/opt/openssl@3/lib/libssl.3.dylib",
  ]);
  assert.deepEqual(folders({ os: "windows", arch: "x86_64", env: "msvc" }), []);
});

Deno.test("libraryPlaces() takes libcrypto from the folder of its libssl", () => {
  for (const { ssl, crypto } of libraryPlaces({ os: "linux", arch: "x86_64", env: "gnu" })) {
    assert.equal(crypto, ssl.replace("libssl", "libcrypto"));
  }
});

Deno.test("installedPlaces() finds the one of this machine, and guesses none for another", () => {
  const here = installedPlaces();
  assert.equal(here.length, 1);
  assert.ok(Deno.statSync(here[0]?.ssl ?? "").isFile);
  const other = { os: "darwin", arch: "aarch64" } as const;
  assert.deepEqual(installedPlaces(other), libraryPlaces(other));
});

Deno.test("openingTrouble() tells a library that is not there from one that cannot be opened", () => {
  const path = "/usr/lib64/libssl.so.3";
  const CASES: readonly [message: string, trouble: string | undefined][] = [
    [
      `Could not open library: Could not open library: ${path}: cannot open shared object file: ` +
      "No such file or directory",
      undefined,
    ],
    [
      "Could not open library: Could not open library: libzstd.so.1: cannot open shared object " +
      "file: No such file or directory",
      "libzstd.so.1: cannot open shared object file: No such file or directory",
    ],
    [
      `Could not open library: Could not open library: ${path}: cannot open shared object file: ` +
      "Permission denied",
      `${path}: cannot open shared object file: Permission denied`,
    ],
    [
      `Could not open library: Could not open library: ${path}: file too short`,
      `${path}: file too short`,
    ],
    [
      "Failed to register symbol SSL_new: Could not obtain symbol from the library: " +
      `${path}: undefined symbol: SSL_new`,
      `${path}: undefined symbol: SSL_new`,
    ],
    [
      `Could not open library: Could not open library: dlopen(${path}, 0x0001): tried: '${path}' ` +
      "(no such file)",
      undefined,
    ],
  ];
  for (const [message, trouble] of CASES) assert.equal(openingTrouble(message, path), trouble);
});
