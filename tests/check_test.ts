import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import {
  createAuthority,
  issueServerCertificate,
} from "../lib/certificates/certificate_authority.ts";
import { createTestAuthority } from "./support/authority.ts";
import { issueCertificate, testCertificates } from "./support/certificates.ts";
import { ConfigFile } from "./support/config_file.ts";
import { pause } from "./support/deadline.ts";
import { openssl } from "./support/openssl.ts";
import { commandHere } from "./support/command_here.ts";
import { type CommandResult, proxyArgs, runCommand } from "./support/start_proxy.ts";

const { ec, api } = await testCertificates();

/** A file that is fine; the cases below put one thing in the place of another. */
const GOOD = `listeners:
  - { listen: 127.0.0.1:8443 }
  - { listen: 127.0.0.1:8080, redirect: https }
certificates:
  - { cert: ec.crt, key: ec.key }
backends:
  api: { servers: [127.0.0.1:8001] }
routes:
  - { hosts: [localhost], backend: api }
tests:
  - { host: localhost, path: /x, expect: { backend: api, certificate: ec.crt } }
  - { host: unknown.test, expect: { status: 404 } }
`;

/** A folder with that file, a certificate for it, and others that are not right. */
async function configFolder(yaml = GOOD): Promise<ConfigFile> {
  const file = await ConfigFile.create(yaml);
  await file.putCertificate("ec", ec);
  await file.putCertificate("api", api);
  return file;
}

function check({ path }: ConfigFile): Promise<CommandResult> {
  return runCommand(["check", "--config", path]);
}

Deno.test("check says what there is when all is fine", async () => {
  await using file = await configFolder();
  const { code, stdout, stderr } = await check(file);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(
    stdout,
    `${file.path} is fine: 2 listeners, 1 certificate, 1 backend, 1 route, 2 tests passed
  listener 127.0.0.1:8443: http, openssl engine (the best there is here, it does all that can be asked)
  listener 127.0.0.1:8080: redirects to https
  workers: 2
  backend api: 127.0.0.1:8001; round_robin; no checks, only what becomes of requests
  certificate ${file.folder}/ec.crt: localhost, 127.0.0.1, ::1; expires in 89 days
`,
  );
});

Deno.test("check and explain say where HTTP/2 is not spoken", async () => {
  await using file = await configFolder(
    GOOD.replace("8443 }", "8443, http2: false }")
      .replace("8080, redirect: https }", "8080, tls: false, http2: false }"),
  );
  const checked = (await check(file)).stdout;
  assert.match(checked, /^ {2}listener 127\.0\.0\.1:8443: http, openssl engine .*; no HTTP\/2$/m);
  assert.match(checked, /^ {2}listener 127\.0\.0\.1:8080: plain HTTP by the routes; no HTTP\/2$/m);
  const url = "https://localhost:8443/";
  const { stdout } = await runCommand(["explain", "--config", file.path, url]);
  assert.match(stdout, /^ {2}tls +no HTTP\/2$/m);
});

Deno.test("check tells all that it has to tell, to whoever reads it late", async () => {
  await using file = await configFolder();
  const name = "b".repeat(100);
  const bad = Array.from(
    { length: 6_000 },
    (_, i) => `  "${name}!${i}": { servers: [127.0.0.1:1] }`,
  );
  await file.write(GOOD.replace("  api:", `${bad.join("\n")}\n  api:`));
  const child = new Deno.Command(Deno.execPath(), {
    args: proxyArgs(["check", "--config", file.path]),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const reader = child.stderr.pipeThrough(new TextDecoderStream() as BytesToText).getReader();
  let text = (await reader.read()).value ?? "";
  // somebody looks at the beginning
  await pause(1_500);
  for (let more = await reader.read(); !more.done; more = await reader.read()) text += more.value;
  assert.ok(text.length > 1 << 20);
  assert.equal(text.match(/: "b+!\d+" is not a name: /g)?.length, bad.length);
  assert.match(text, /has 6000 errors\n$/);
  assert.equal((await child.status).code, 1);
});

type BytesToText = TransformStream<Uint8Array, string>;

Deno.test("check does not listen, and says nothing of ports in use", async () => {
  await using file = await configFolder();
  await using server = Deno.listen({ hostname: "127.0.0.1", port: 0 }) as
    & Deno.TcpListener
    & AsyncDisposable;
  await file.write(GOOD.replace("8443", String(server.addr.port)));
  assert.equal((await check(file)).code, 0);
});

/** What is changed, and what is said, each behind the file's name. */
const MISTAKES: readonly (readonly [from: string, to: string, ...told: readonly string[]])[] = [
  [
    "servers",
    "severs",
    `7:8: "servers" is missing`,
    `7:10: unknown key "severs", did you mean "servers"?`,
  ],
  ["backends:\n", "backend:\n", `6:1: unknown key "backend", did you mean "backends"?`],
  ["[127.0.0.1:8001]", "127.0.0.1:8001", `7:19: "servers" must be a list`],
  ["8443 }", "8443, tls: { strict_sni: 1 } }", `2:50: "strict_sni" must be true or false`],
  [
    "8443 }",
    "8443, tls: { min_version: 1.3, ciphers: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256] } }",
    `2:65: none of these ciphers is one of TLS 1.3`,
  ],
  ["8443 }", "8443, tls: { groups: [] } }", `2:46: there are no groups`],
  [
    "routes:",
    "timeouts: { drain: 5 sec }\nroutes:",
    `8:20: "5 sec" is not a duration; write 300ms, 5s, 10m or 1h`,
  ],
  [
    "routes:",
    "limits: { header_bytes: 16kb }\nroutes:",
    `8:25: "16kb" is not a size; write 16KiB or 1MiB`,
  ],
  [
    "8443",
    "84430",
    `2:15: "127.0.0.1:84430" is not an address: a port is at most 65535; write 127.0.0.1:8443 or [::1]:8443`,
  ],
  [
    "backend: api }",
    "backend: apu }",
    `9:36: there is no backend "apu", did you mean "api"?`,
    `7:8: warning: no route uses the backend "api"`,
  ],
  ["8080", "8443", "3:15: another listener has 127.0.0.1:8443 already"],
  [
    "cert: ec.crt",
    "cert: no.crt",
    "5:13: Cannot read the certificate: FOLDER/no.crt does not exist",
  ],
  ["key: ec.key", "key: no.key", "5:26: Cannot read the key: FOLDER/no.key does not exist"],
  [
    "tests:",
    "admin: { token_file: no.token }\ntests:",
    "10:22: Cannot read the token of admin: FOLDER/no.token does not exist",
  ],
  [
    "tests:",
    "admin: { token_file: /dev/null }\ntests:",
    "10:22: The token of admin in /dev/null has less than 16 characters; make one with: openssl",
  ],
  [
    "tests:",
    "cluster: { redis: '127.0.0.1:1', tls: true, ca_file: ec.key, password_file: no.pw }\ntests:",
    `10:54: Cannot read the CA: FOLDER/ec.key holds no PEM block "CERTIFICATE"`,
    "10:77: Cannot read FOLDER/no.pw: it does not exist",
  ],
  [
    "tests:",
    "cluster: { redis: '127.0.0.1:1', password_file: /dev/null }\ntests:",
    "10:49: Cannot read /dev/null: it is empty",
  ],
  [
    "certificates:\n",
    "acme: { accept_terms: true, ca_file: no.ca, eab: { kid: a, hmac_file: no.key } }\n" +
    "certificates:\n  - { acme: [www.localhost] }\n",
    "4:38: Cannot read the CA: FOLDER/no.ca does not exist",
    "4:71: Cannot read FOLDER/no.key: it does not exist",
  ],
  ["key: ec.key", "key: .", "5:26: Cannot read the key: FOLDER/. is a folder"],
  [
    "ec.key }",
    "ec.key, passphrase_file: no.pass }",
    "5:51: Cannot read the passphrase: FOLDER/no.pass does not exist",
  ],
  [
    "cert: ec.crt",
    "cert: proxy.yaml",
    `5:13: Cannot read the certificate: FOLDER/proxy.yaml holds no certificate (no PEM block "CERTIFICATE")`,
  ],
  [
    "cert: ec.crt",
    "cert: ec.key",
    "5:13: Cannot read the certificate: FOLDER/ec.key holds a key; are certificate and key swapped?",
  ],
  [
    "key: ec.key",
    "key: api.key",
    "5:13: Cannot read the certificate: the key FOLDER/api.key does not belong to the certificate FOLDER/ec.crt",
  ],
  [
    "cert: ec.crt, key: ec.key",
    "cert: old.crt, key: old.key",
    "5:13: FOLDER/old.crt expired on 2021-01-02",
  ],
  [
    "cert: ec.crt, key: ec.key",
    "cert: koblitz.crt, key: koblitz.key",
    "5:31: Cannot read the key: FOLDER/koblitz.key holds a key that cannot be used here (ECDSA on secp256k1); take RSA of 2048 bits or more, ECDSA on P-256, P-384 or P-521, or Ed25519",
  ],
  [
    "expect: { backend: api, c",
    "expect: { backend: apj, c",
    `11:53: there is no backend "apj", did you mean "api"?`,
  ],
  [
    "status: 404",
    "status: 421",
    "12:45: test failed: expected status 421, it gets 404 (no route matches)",
  ],
  [
    "ec.crt } }",
    "api.crt } }",
    `11:71: test failed: expected certificate "api.crt", it gets FOLDER/ec.crt`,
  ],
  ["{ listen: 127.0.0.1:8443 }", "{ listen: 127.0.0.1:8443", "3:3: "],
];

/** Things that may be meant. */
const WARNINGS: readonly (readonly [from: string, to: string, ...told: readonly string[]])[] = [
  [
    "hosts: [localhost]",
    "hosts: [localhost, a.test, '*.b.test']",
    "9:26: warning: no certificate covers a.test",
    "9:34: warning: no certificate covers *.b.test",
  ],
  [
    "routes:",
    "  other: { servers: [127.0.0.1:8002] }\nroutes:",
    `8:10: warning: no route uses the backend "other"`,
  ],
  [
    "key: ec.key",
    "key: ec.key, hosts: [localhost, a.test]",
    "5:53: warning: FOLDER/ec.crt does not cover a.test: clients will refuse it",
  ],
  [
    "cert: ec.crt, key: ec.key",
    "cert: soon.crt, key: soon.key",
    "5:13: warning: FOLDER/soon.crt expires on ",
  ],
  [
    "ec.key }",
    "ec.key }\n  - { cert: staple.crt, key: staple.key, hosts: [api.test] }\n" +
    "  - { cert: ec.crt, key: ec.key }",
    "6:13: warning: FOLDER/staple.crt asks for a stapled OCSP answer",
    "6:50: warning: FOLDER/staple.crt does not cover api.test: clients will refuse it",
    "7:13: warning: FOLDER/ec.crt is never given while FOLDER/ec.crt, which stands before it",
  ],
  [
    "cert: ec.crt, key: ec.key",
    "cert: staple.crt, key: staple.key",
    "5:13: warning: FOLDER/staple.crt asks for a stapled OCSP answer (must-staple), which is not given",
  ],
];

Deno.test("check says of every mistake what and where it is", async () => {
  await using file = await configFolder();
  const { folder } = file;
  await makeOld(folder);
  await putLeaf(`${folder}/soon`, { from: -85, until: 5 });
  await openssl(
    ...["req", "-x509", "-nodes", "-days", "90", "-subj", "/CN=localhost", "-newkey", "rsa:2048"],
    ...["-addext", "subjectAltName=DNS:localhost", "-addext", "tlsfeature=status_request"],
    ...["-keyout", `${folder}/staple.key`, "-out", `${folder}/staple.crt`],
  );
  const koblitz = await issueCertificate({
    names: ["localhost"],
    newKey: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
  });
  await file.putCertificate("koblitz", koblitz);

  for (const [from, to, ...told] of [...MISTAKES, ...WARNINGS]) {
    assert.ok(GOOD.includes(from), from);
    let yaml = GOOD.replace(from, to);
    // what is no mistake here must not become one of the tests
    if (/soon|staple|koblitz|old/.test(to)) yaml = yaml.replace(", certificate: ec.crt", "");
    await file.write(yaml);
    const { code, stdout, stderr } = await commandHere(["check", "--config", file.path]);
    const lines = stderr.trimEnd().split("\n");
    const bad = told.some((line) => !line.includes("warning: "));
    assert.equal(code, bad ? 1 : 0, stderr);
    const expected = told.map((line) => `${file.path}:${line.replaceAll("FOLDER", folder)}`);
    for (const [index, line] of expected.entries()) {
      assert.ok(lines[index]?.startsWith(line), `${lines[index]}\nis not\n${line}`);
    }
    const errors = told.filter((line) => !line.includes("warning: ")).length;
    const summary = `tls-proxy: ${file.path} has ${errors} error${errors === 1 ? "" : "s"}`;
    assert.deepEqual(lines.slice(expected.length), bad ? [summary] : [], to);
    assert.equal(stdout === "", bad);
    if (!bad) assert.match(stdout, new RegExp(` tests passed, ${told.length} warnings?\n`));
  }
});

Deno.test("check says of all mistakes at once, in their order, errors before warnings", async () => {
  await using file = await configFolder(`listeners:
  - { listen: 127.0.0.1:8443, engin: openssl }
  - { listen: 127.0.0.1:8443 }
  - { listen: 127.0.0.1:99999 }
certificates:
  - { cert: no.crt, key: ec.key }
  - { cert: ec.crt, key: api.key, defualt: true }
backends:
  api: { servers: [127.0.0.1:8001], pool: { max_idle: many } }
routes:
  - { hosts: [localhost], backend: apo }
timeouts: { drain: soon }
`);
  const { code, stdout, stderr } = await check(file);
  assert.deepEqual([code, stdout], [1, ""]);
  assert.equal(
    stderr.replaceAll(`${file.path}:`, "").replaceAll(file.folder, "FOLDER"),
    `2:31: unknown key "engin", did you mean "engine"?
3:15: another listener has 127.0.0.1:8443 already
4:15: "127.0.0.1:99999" is not an address: a port is at most 65535; write 127.0.0.1:8443 or [::1]:8443
6:13: Cannot read the certificate: FOLDER/no.crt does not exist
7:13: Cannot read the certificate: the key FOLDER/api.key does not belong to the certificate FOLDER/ec.crt
7:35: unknown key "defualt", did you mean "default"?
9:55: "max_idle" must be a number
11:36: there is no backend "apo", did you mean "api"?
12:20: "soon" is not a duration; write 300ms, 5s, 10m or 1h
tls-proxy: FOLDER/proxy.yaml has 9 errors
`,
  );
});

Deno.test("check says in one line that there is no file", async () => {
  const { code, stdout, stderr } = await runCommand(["check", "--config", "no/such.yaml"]);
  assert.deepEqual([code, stdout], [1, ""]);
  assert.equal(
    stderr,
    "tls-proxy: Cannot read the configuration no/such.yaml: it does not exist " +
      `(seen from ${Deno.cwd()})\n`,
  );
});

Deno.test("check shows the place with a caret where a person looks, and the proxy too", async () => {
  await using file = await configFolder(GOOD.replace("routes:", "routs:"));
  for (const command of [["check"], []]) {
    const args = proxyArgs([...command, "--config", file.path]);
    const shell = [Deno.execPath(), ...args].map((arg) => `'${arg}'`).join(" ");
    const { code, stdout } = await new Deno.Command("script", {
      args: ["-qec", shell, "/dev/null"],
      stdin: "null",
    }).output();
    assert.equal(code, 1);
    const seen = new TextDecoder().decode(stdout).replaceAll("\r\n", "\n");
    assert.equal(
      stripVTControlCharacters(seen),
      `${file.path}:8:1: unknown key "routs", did you mean "routes"?
    routs:
    ^
tls-proxy: ${file.path} has 1 error
`,
    );
  }
});

Deno.test("check does not warn of a certificate that is meant to live for days", async () => {
  await using file = await configFolder();
  await putLeaf(`${file.folder}/brief`, { from: -1, until: 4 });
  const yaml = GOOD.replace("cert: ec.crt, key: ec.key", "cert: brief.crt, key: brief.key");
  await file.write(yaml.replace(", certificate: ec.crt", ""));
  const { code, stderr } = await check(file);
  assert.deepEqual([code, stderr], [0, ""]);
});

Deno.test("check says one thing of a certificate for servers, or its key, that is no path", async () => {
  await using file = await configFolder();
  for (
    const [shown, told] of [
      ["cert: null, key: ec.key", '7:50: "cert" must be text'],
      ["cert: ec.crt, key: []", '7:63: "key" must be text'],
      ["cert: ec.crt, key: '', passphrase_file: p", '7:63: "key" must not be empty'],
    ] as const
  ) {
    await file.write(GOOD.replace("127.0.0.1:8001] }", `127.0.0.1:8001], tls: { ${shown} } }`));
    const { stderr } = await check(file);
    assert.equal(stderr, `${file.path}:${told}\ntls-proxy: ${file.path} has 1 error\n`);
  }
});

Deno.test("check warns of authorities that nobody can be verified by", async () => {
  await using file = await configFolder();
  const root = await createTestAuthority("/O=Example/CN=Root");
  const below = await root.intermediate("/CN=Below");
  const gone = await root.issue({ subject: "/CN=gone", ca: true, days: -1 });
  const list = await below.revoke();
  await file.write(
    GOOD.replace("127.0.0.1:8001] }", `127.0.0.1:8001], tls: { ca: ${gone.cert} } }`) +
      `client_auth:
  - { hosts: [a.test], ca: ${below.ca}, crl: ${list} }
  - { hosts: [b.test], ca: ${gone.cert} }
`,
  );
  const { code, stderr } = await check(file);
  assert.equal(code, 0);
  assert.deepEqual(stderr.trimEnd().split("\n").map((line) => line.replace(file.path, "F")), [
    `F:7:48: warning: every authority in ${gone.cert} has expired: all its servers are refused`,
    `F:14:28: warning: beside a crl ${below.ca} has to hold O=Example, CN=Root too, the issuer of ` +
    "CN=Below: until then its clients are refused",
    `F:15:28: warning: every authority in ${gone.cert} has expired: all certificates of clients are refused`,
  ]);
});

/** A certificate for `localhost` that lives from one day to another, as seen from today. */
async function putLeaf(
  path: string,
  { from, until }: { from: number; until: number },
): Promise<void> {
  const day = (days: number) => new Date(Date.now() + days * 86_400_000);
  const life = { commonName: "leaf", notBefore: day(from), notAfter: day(until) };
  const authority = await createAuthority(life);
  const { cert, key } = await issueServerCertificate(authority, { ...life, hosts: ["localhost"] });
  await Deno.writeTextFile(`${path}.crt`, cert);
  await Deno.writeTextFile(`${path}.key`, key);
}

/** A certificate that expired long ago. */
async function makeOld(folder: string): Promise<void> {
  await openssl("genrsa", "-out", `${folder}/old.key`, "2048");
  await openssl(
    ...["req", "-new", "-key", `${folder}/old.key`, "-subj", "/CN=localhost"],
    ...["-addext", "subjectAltName=DNS:localhost", "-out", `${folder}/old.csr`],
  );
  await Deno.writeTextFile(`${folder}/index.txt`, "");
  await Deno.writeTextFile(
    `${folder}/ca.cnf`,
    `[ca]
default_ca = d
[d]
database = ${folder}/index.txt
new_certs_dir = ${folder}
serial = ${folder}/serial
default_md = sha256
policy = p
copy_extensions = copy
[p]
commonName = supplied
`,
  );
  await Deno.writeTextFile(`${folder}/serial`, "01\n");
  await openssl(
    ...["ca", "-batch", "-config", `${folder}/ca.cnf`, "-selfsign"],
    ...["-keyfile", `${folder}/old.key`, "-in", `${folder}/old.csr`, "-out", `${folder}/old.crt`],
    ...["-startdate", "20210101000000Z", "-enddate", "20210102000000Z", "-notext"],
  );
}

Deno.test("check warns of a log that is a folder, or whose folder is not there", async () => {
  await using file = await configFolder(`${GOOD}log: { file: logs/access.log }\n`);
  const warned = await check(file);
  assert.deepEqual([warned.code, warned.stderr], [
    0,
    `${file.path}:13:14: warning: the folder ${file.folder}/logs does not exist: ` +
    "the log cannot be opened without it\n",
  ]);
  await Deno.mkdir(`${file.folder}/logs`);
  assert.equal((await check(file)).stderr, "");
  await Deno.mkdir(`${file.folder}/logs/access.log`);
  assert.equal(
    (await check(file)).stderr,
    `${file.path}:13:14: warning: ${file.folder}/logs/access.log is a folder: ` +
      "the log cannot be opened\n",
  );
});

Deno.test("check refuses a log that would be written over what is read", async () => {
  const CASES = [["./x/../proxy.yaml", "proxy.yaml"], ["./ec.key", "ec.key"], ["./token", "token"]];
  for (const [name, read] of CASES) {
    await using file = await configFolder(
      `${GOOD}log: { file: ${name} }\nadmin: { token_file: token }\n`,
    );
    await Deno.writeTextFile(`${file.folder}/token`, "0123456789abcdef\n");
    const { code, stderr } = await check(file);
    assert.deepEqual([code, stderr.includes("13:14: ")], [1, true], stderr);
    assert.match(stderr, /the log would be written into /);
    assert.ok(stderr.includes(`${file.folder}/${read}, which is read`), stderr);
  }
});
