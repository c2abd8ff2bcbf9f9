import assert from "node:assert/strict";
import { loadedConfig } from "../../tests/support/loaded_config.ts";
import { runConfigTests } from "./config_tests.ts";

const BASE = `
certificates:
  - { cert: dir/a.test.crt, key: k }
  - { cert: 192.0.2.1.crt, key: k }
backends: { one: { servers: ["h:1"] }, two: { servers: ["h:2"] } }
routes: [{ hosts: [a.test], backend: one }, { paths: [/all], backend: two }]
listeners: [{ listen: ":1" }]
`;

/** A test, and what is said of it where it fails: the place within the test, and the words. */
const CASES: readonly (readonly [test: string, ...failed: readonly string[]])[] = [
  ["{ host: a.test, expect: { backend: one } }"],
  ["{ sni: a.test, expect: { backend: one } }"],
  ["{ host: A.Test., expect: { backend: one, certificate: a.test } }"],
  ["{ host: a.test, expect: { certificate: a.test.crt } }"],
  ["{ host: a.test, expect: { certificate: dir/a.test.crt } }"],
  ["{ host: a.test, expect: { certificate: ./a.test.crt } }"],
  ["{ host: a.test, expect: { certificate: ../a.test.crt } }"],
  ["{ host: b.test, expect: { status: 404 } }"],
  ["{ host: b.test, path: /all/x, expect: { backend: two } }"],
  // no client names an address in its handshake
  ["{ host: 192.0.2.1, path: /all, expect: { certificate: a.test, backend: two } }"],
  [
    "{ host: a.test, expect: { backend: two } }",
    `backend: expected backend "two", it goes to "one"`,
  ],
  [
    "{ host: b.test, expect: { backend: two } }",
    `backend: expected backend "two", it gets 404 (no route matches)`,
  ],
  [
    "{ host: a.test, expect: { backend: two, certificate: b.test, status: 404 } }",
    `backend: expected backend "two", it goes to "one"`,
    `certificate: expected certificate "b.test", it gets dir/a.test.crt`,
    `status: expected status 404, it goes to "one"`,
  ],
];

Deno.test("runConfigTests() finds the tests that fail, each expectation for itself", () => {
  for (const [test, ...failed] of CASES) {
    const loaded = loadedConfig(
      `${BASE}tests: [${test}]`,
      undefined,
    );
    const found = runConfigTests({
      ...loaded,
      certificates: loaded.certificates.map((certificate) => ({
        ...certificate,
        names: [certificate.label.replace(/^dir\//, "").replace(/\.crt$/, "")],
      })),
    });
    assert.deepEqual(
      found.map(({ path, message }) => `${path.at(-1)}: ${message}`),
      failed,
      test,
    );
    for (const { path } of found) assert.deepEqual(path.slice(0, 3), ["tests", 0, "expect"]);
  }
});

Deno.test("runConfigTests() refuses an unknown name where a listener does", () => {
  const strict = BASE.replace(`":1" }`, `":1", tls: { strict_sni: true } }`);
  const loaded = loadedConfig(`${strict}tests: [{ host: b.test, expect: { status: 404 } }]`);
  const [failed] = runConfigTests(loaded);
  assert.match(failed?.message ?? "", /the handshake is refused \(strict_sni\)$/);
});

Deno.test("runConfigTests() asks without TLS where there is none", () => {
  const plain = BASE.replace(/certificates:\n(?: .*\n)+/, "")
    .replace(`":1" }`, `":1", tls: false }`);
  const CASES: readonly (readonly [test: string, message?: string])[] = [
    ["{ host: A.Test., expect: { backend: one } }"],
    ["{ host: b.test, path: /all/x, expect: { backend: two } }"],
    ["{ host: b.test, expect: { status: 404 } }"],
    ["{ host: a.test, expect: { status: 404 } }", `expected status 404, it goes to "one"`],
    [
      "{ host: a.test, expect: { certificate: a.test } }",
      `expected certificate "a.test", it goes to "one"`,
    ],
  ];
  for (const [test, message] of CASES) {
    const failed = runConfigTests(loadedConfig(`${plain}tests: [${test}]`));
    assert.deepEqual(failed.map(({ message }) => message), message === undefined ? [] : [message]);
  }
});

Deno.test("runConfigTests() says so when nothing could be asked", () => {
  const loaded = loadedConfig(
    `listeners: [{ listen: ":1", redirect: https }]\ntests: [{ host: a, expect: { status: 404 } }]`,
  );
  assert.deepEqual(runConfigTests(loaded), [
    { path: ["tests", 0], message: "there is no TLS listener that could be asked" },
  ]);
});
