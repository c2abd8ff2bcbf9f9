import assert from "node:assert/strict";
import { createAuthority, issueServerCertificate } from "../lib/tls/certificate_authority.ts";
import { testCertificates } from "./support/certificates.ts";
import { configFile } from "./support/configured.ts";
import { runProxyCommand, startProxy } from "./support/start_proxy.ts";

const GOOD = async () => {
  const { ec } = await testCertificates();
  return `listeners: [{ listen: "127.0.0.1:8443" }]
certificates:
  - cert: ${ec.cert}
    key: ${ec.key}
backends:
  a: { servers: ["127.0.0.1:8001"] }
routes:
  - { hosts: [localhost], backend: a }
`;
};

Deno.test("check says what a good configuration has, and exits 0", async () => {
  await using config = await configFile(`${await GOOD()}tests:
  - { host: localhost, path: /, expect: { backend: a, certificate: localhost } }
`);
  const { code, stdout, stderr } = await check(config.path);
  assert.deepEqual([code, stderr], [0, ""]);
  const [first, listener, backend, certificate] = stdout.split("\n");
  const parts = "1 listener, 1 certificate, 1 backend, 1 route, 1 test passed";
  assert.equal(first, `${config.path} is fine: ${parts}`);
  assert.match(listener ?? "", /^ {2}listener 127\.0\.0\.1:8443: http, node engine \(.*\)$/);
  assert.match(backend ?? "", /^ {2}backend a: 127\.0\.0\.1:8001; round_robin; no checks, /);
  assert.match(certificate ?? "", /^ {2}certificate .*ec\.crt: localhost, .*; expires in 89 days$/);
});

/** One thing wrong each: what is replaced by what, and the line that tells of it. */
const WRONG: readonly [what: string, from: string | RegExp, to: string, told: RegExp][] = [
  ["unknown key", "servers:", "severs:", /^:6:8: unknown key "severs", did you mean "servers"\?$/],
  [
    "unknown key at the top",
    "routes:",
    "rutes:",
    /^:7:1: unknown key "rutes", did you mean "routes"\?$/,
  ],
  ["wrong type", "hosts: [localhost]", "hosts: 5", /^:8:14: "hosts" must be a list$/],
  ["no YAML", "routes:", "routes: {", /^:\d+:\d+: /],
  [
    "duration",
    "listeners:",
    "timeouts: { header: 5x }\nlisteners:",
    /^:1:21: "5x" is not a duration; /,
  ],
  [
    "size",
    "listeners:",
    "limits: { header_bytes: 5kb }\nlisteners:",
    /^:1:25: "5kb" is not a size; /,
  ],
  ["port", "127.0.0.1:8001", "127.0.0.1:80010", /^:6:18: .*a port is at most 65535/],
  [
    "unknown backend",
    "backend: a",
    "backend: b",
    /^:8:36: there is no backend "b", did you mean "a"\?$/,
  ],
  ["backend like another", "a: {", "api: {", /^:8:36: there is no backend "a"$/],
  [
    "two listeners on an address",
    '8443" }',
    '8443" }, { listen: "127.0.0.1:8443" }',
    /^:1:53: another listener has 127\.0\.0\.1:8443 already$/,
  ],
  ["missing file", "ec.crt", "nothing.crt", /^:3:11: .*nothing\.crt.* does not exist$/],
  ["no certificate", /cert: .*\n/, "cert: /etc/hostname\n", /^:3:11: .*\/etc\/hostname/],
  [
    "key of another",
    "ec.key",
    "api.key",
    /^:4:10: .*the key .*api\.key does not belong to the certificate .*ec\.crt$/,
  ],
  [
    "failing test",
    "routes:",
    "tests: [{ host: localhost, path: /, expect: { status: 404 } }]\nroutes:",
    /^:7:55: test failed: expected status 404, it goes to "a"$/,
  ],
];

for (const [what, from, to, told] of WRONG) {
  Deno.test(`check tells where and what: ${what}`, async () => {
    const good = await GOOD();
    const yaml = good.replace(from, to);
    assert.notEqual(yaml, good);
    await using config = await configFile(yaml);
    const { code, stdout, stderr } = await check(config.path);
    assert.deepEqual([code, stdout], [1, ""]);
    const lines = stderr.trimEnd().split("\n").map((line) => line.replace(`${config.path}:`, ":"));
    assert.ok(lines.some((line) => told.test(line)), stderr);
    assert.match(lines.at(-1) ?? "", /^tls-proxy: \S+ has \d+ errors?$/);
    assert.doesNotMatch(stderr, /^ +at |Error:/m);
  });
}

const WARNED: readonly [what: string, from: string, to: string, told: RegExp][] = [
  [
    "a name that nothing covers",
    "[localhost]",
    "[localhost, b.test]",
    /^:8:26: warning: no certificate covers b\.test$/,
  ],
  [
    "a backend that nobody uses",
    "routes:",
    '  b: { servers: ["127.0.0.1:9"] }\nroutes:',
    /^:7:6: warning: no route uses the backend "b"$/,
  ],
  [
    "a route that is never reached",
    "  - { hosts: [localhost],",
    "  - { backend: a }\n  - { hosts: [localhost],",
    /^:9:5: warning: route 1 matches everything/,
  ],
];

for (const [what, from, to, told] of WARNED) {
  Deno.test(`check warns, and lets pass: ${what}`, async () => {
    const good = await GOOD();
    await using config = await configFile(good.replace(from, to));
    const { code, stdout, stderr } = await check(config.path);
    assert.equal(code, 0, stderr);
    assert.match(stdout, / is fine: .*, 1 warning$/m);
    assert.match(stderr.trimEnd().replaceAll(config.path, ""), told);
  });
}

Deno.test("check refuses an expired certificate, and running on it only warns", async () => {
  const day = 86_400_000;
  const [long, ago] = [new Date(Date.now() - 9 * day), new Date(Date.now() - day)];
  const dates = { notBefore: long, notAfter: ago };
  const authority = await createAuthority({ commonName: "CA", ...dates });
  const { cert, key } = await issueServerCertificate(authority, {
    commonName: "expired",
    hosts: ["localhost"],
    ...dates,
  });
  const yaml = (await GOOD()).replace(/cert: .*\n/, "cert: old.crt\n")
    .replace(/key: .*\n/, "key: old.key\n").replace(":8443", ":0");
  await using config = await configFile(yaml);
  await Deno.writeTextFile(`${config.folder}/old.crt`, cert);
  await Deno.writeTextFile(`${config.folder}/old.key`, key);
  const { code, stderr } = await check(config.path);
  assert.equal(code, 1);
  const told = `:3:11: ${config.folder}/old.crt expired on ${ago.toISOString().slice(0, 10)}`;
  assert.ok(stderr.includes(told), stderr);
  await using proxy = await startProxy(["--config", config.path]);
  await proxy.says.first(/:3:11: warning: .*old\.crt expired on /);
  await proxy.log.first(/ warning certificate expiring .*days=-/);
});

Deno.test("check tells everything at once, errors before warnings, each in the order of the file", async () => {
  await using config = await configFile(
    (await GOOD()).replace("hosts: [localhost]", "hosts: [b.test]")
      .replace("127.0.0.1:8443", "127.0.0.1:99999")
      .replace("routes:", '  b: { servers: ["127.0.0.1:9"], balance: best }\nroutes:'),
  );
  const { stderr } = await check(config.path);
  const places = stderr.trimEnd().split("\n").slice(0, -1)
    .map((line) =>
      line.replace(config.path, "").replace(/^:(\d+:\d+): (warning)?.*/, "$1 $2").trim()
    );
  assert.deepEqual(places, ["1:23", "7:43"]);
});

Deno.test("check points at the place when it speaks to a terminal", async () => {
  await using config = await configFile((await GOOD()).replace("servers:", "severs:"));
  const { stdout } = await checkOnTerminal(config.path);
  const lines = stdout.replaceAll("\r", "").split("\n");
  const at = lines.findIndex((line) => line.endsWith('did you mean "servers"?'));
  assert.match(lines[at + 1] ?? "", / {2}a: \{ severs: \["127\.0\.0\.1:8001"\] \}$/);
  const [source = "", caret = ""] = lines.slice(at + 1);
  assert.equal(caret.indexOf("^"), source.indexOf("severs"));
});

Deno.test("check says what it needs", async () => {
  const none = await runProxyCommand(["check"]);
  assert.deepEqual([none.code, none.stderr], [
    2,
    "tls-proxy: --config is missing: say which file\n",
  ]);
  const missing = await check("/nowhere/proxy.yaml");
  assert.equal(missing.code, 1);
  assert.match(
    missing.stderr,
    /^tls-proxy: Cannot read the configuration \/nowhere\/proxy\.yaml: it does not exist\n$/,
  );
});

function check(path: string) {
  return runProxyCommand(["check", "--config", path]);
}

function checkOnTerminal(path: string) {
  return runProxyCommand(["check", "--config", path], { terminal: true });
}
