import assert from "node:assert/strict";
import { ask, askOver, connectAs } from "./support/ask.ts";
import { startBackend, startHttp, startNamed } from "./support/backends.ts";
import { fingerprintOf, issueCertificate, RSA, testCertificates } from "./support/certificates.ts";
import { certificateYaml, ConfigFile } from "./support/config_file.ts";
import { encodeAnswer, readAnswer, valuesOf } from "./support/http.ts";
import { ENGINES, type ProxyProcess } from "./support/start_proxy.ts";
import { connectTcp, connectTls } from "./support/tls_client.ts";
import { run } from "./support/tools.ts";

const names = {
  api: ["api.example.test"],
  wild: ["*.example.test", "example.test"],
  idn: ["xn--bcher-kva.test"],
  local: ["localhost", "127.0.0.1"],
} as const;
const [{ ca }, api, apiRsa, wild, idn, local] = await Promise.all([
  testCertificates(),
  issueCertificate({ names: names.api }),
  issueCertificate({ names: names.api, newKey: RSA }),
  issueCertificate({ names: names.wild }),
  issueCertificate({ names: names.idn }),
  issueCertificate({ names: names.local }),
]);

/** A configuration of one TLS listener and all the certificates. */
function yaml(
  { listener = "", backends, routes, more = "" }: {
    listener?: string;
    backends: Readonly<Record<string, string>>;
    routes: readonly string[];
    more?: string;
  },
): string {
  return [
    `listeners: [{ listen: "127.0.0.1:0"${listener} }]`,
    "certificates:",
    `  - ${certificateYaml(local)}`,
    `  - ${certificateYaml(wild)}`,
    `  - ${certificateYaml(apiRsa)}`,
    `  - ${certificateYaml(api)}`,
    `  - ${certificateYaml(idn, "default: true")}`,
    "backends:",
    ...Object.entries(backends).map(([name, address]) => `  ${name}: { servers: [${address}] }`),
    "routes:",
    ...routes.map((route) => `  - ${route}`),
    more,
  ].join("\n");
}

const GIVEN: readonly (readonly [sni: string | undefined, keyof typeof names])[] = [
  ["api.example.test", "api"],
  ["API.Example.TEST", "api"],
  ["shop.example.test", "wild"],
  ["example.test", "wild"],
  // a wildcard is for one label
  ["a.shop.example.test", "idn"],
  ["xn--bcher-kva.test", "idn"],
  ["XN--BCHER-KVA.test", "idn"],
  ["localhost", "local"],
  ["unknown.test", "idn"],
  [undefined, "idn"],
];

Deno.test("the certificate is the one for the name the client asks for", async () => {
  await using one = await startNamed("one");
  await using file = await ConfigFile.create(
    yaml({ backends: { one: one.address }, routes: ["{ backend: one }"] }),
  );
  await using proxy = await file.start();
  const files = { api, wild, idn, local };
  for (const [sni, name] of GIVEN) {
    const { fingerprint } = await ask(proxy.port, { sni });
    assert.equal(fingerprint, await fingerprintOf(files[name]), `${sni}`);
  }
  // by a client of another make, which sends the dot that ends a name
  assert.match(await sClient(proxy, ["-servername", "api.example.test."]), /CN ?= ?issued\d+/);
  await proxy.log.first(/ handshake .* sni=api\.example\.test /);
  // clients that check the certificate are content
  for (const name of ["api.example.test", "shop.example.test", "localhost"]) {
    const { code, stderr } = await run("curl", [
      ...["-sS", "--cacert", ca, "--resolve", `${name}:${proxy.port}:127.0.0.1`],
      `https://${name}:${proxy.port}/`,
    ]);
    assert.equal(code, 0, stderr);
  }
});

Deno.test("of an RSA and an ECDSA certificate for a name a client gets one it can verify", async () => {
  await using one = await startNamed("one");
  await using file = await ConfigFile.create(
    yaml({ backends: { one: one.address }, routes: ["{ backend: one }"] }),
  );
  await using proxy = await file.start();
  // newer ones write the name of the scheme in place of the kind of signature
  const ECDSA = /^Peer signature type: (ECDSA|ecdsa_\w+)$/m;
  const PSS = /^Peer signature type: (RSA-PSS|rsa_pss_\w+)$/m;
  const PKCS1 = /^Peer signature type: (RSA|rsa_pkcs1_\w+)$/m;
  const CASES: readonly (readonly [flags: readonly string[], type: RegExp])[] = [
    [[], ECDSA],
    [["-sigalgs", "RSA-PSS+SHA256"], PSS],
    [["-sigalgs", "ECDSA+SHA256"], ECDSA],
    [["-sigalgs", "RSA-PSS+SHA256:ECDSA+SHA256"], ECDSA],
    [["-tls1_2"], ECDSA],
    [["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], PSS],
    [["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], ECDSA],
    [["-tls1_2", "-sigalgs", "RSA+SHA256"], PKCS1],
  ];
  for (const [flags, type] of CASES) {
    const said = await sClient(proxy, ["-servername", "api.example.test", ...flags]);
    assert.match(said, type, flags.join(" "));
  }
});

for (const engine of ENGINES) {
  Deno.test(`an encrypted key is opened with its passphrase file (${engine})`, async () => {
    await using one = await startNamed("one");
    const secret = await issueCertificate({ names: ["localhost"], passphrase: "open sesame" });
    await using file = await ConfigFile.create("");
    await Deno.writeTextFile(`${file.folder}/pass`, "open sesame\n");
    await file.write(`
listeners: [{ listen: "127.0.0.1:0", engine: ${engine} }]
certificates: [${certificateYaml(secret, "passphrase_file: pass")}]
backends: { one: { servers: [${one.address}] } }
routes: [{ backend: one }]
`);
    await using proxy = await file.start();
    const { fingerprint, body } = await ask(proxy.port, { sni: "localhost" });
    assert.deepEqual([fingerprint, body], [await fingerprintOf(secret), "one"]);
    assert.doesNotMatch(proxy.says.text + proxy.log.text, /sesame/);
  });
}

Deno.test("strict_sni refuses an unknown name with an alert that says so", async () => {
  await using one = await startNamed("one");
  await using file = await ConfigFile.create(yaml({
    listener: ", tls: { strict_sni: true }",
    backends: { one: one.address },
    routes: ["{ backend: one }"],
  }));
  await using proxy = await file.start();
  for (const version of ["-tls1_2", "-tls1_3"]) {
    const said = await sClient(proxy, ["-servername", "unknown.test", version]);
    assert.match(said, /unrecognized name/, version);
    assert.match(said, /SSL alert number 112/, version);
    assert.doesNotMatch(said, /BEGIN CERTIFICATE/);
  }
  await proxy.log.count(/ handshake failed .* sni=unknown\.test error=unknown_name /, 2);
  assert.equal((await ask(proxy.port, { sni: "shop.example.test" })).body, "one");
  // RFC 6066 lets a client send no name
  assert.equal((await ask(proxy.port, { sni: undefined, host: "unknown.test" })).body, "one");
});

Deno.test("min_version refuses a client that is too old with an alert that says so", async () => {
  await using one = await startNamed("one");
  await using file = await ConfigFile.create(yaml({
    listener: `, tls: { min_version: "1.3" }`,
    backends: { one: one.address },
    routes: ["{ backend: one }"],
  }));
  await using proxy = await file.start();
  assert.match(await sClient(proxy, ["-tls1_2"]), /SSL alert number 70/);
  assert.match(await sClient(proxy, ["-tls1_3"]), /New, TLSv1\.3/);
  await proxy.log.first(/ handshake failed .* reason="The client cannot do TLSv1\.3"/);
});

const ROUTED: readonly (readonly [host: string, path: string, backend: string | number])[] = [
  ["api.example.test", "/", "api"],
  ["API.EXAMPLE.test", "/", "api"],
  ["api.example.test.", "/", "api"],
  ["api.example.test:8443", "/", "api"],
  ["api.example.test", "/v1", "v1"],
  ["api.example.test", "/v1/", "v1"],
  ["api.example.test", "/v1/x", "v1"],
  ["api.example.test", "/v1?q", "v1"],
  ["api.example.test", "/v10", "api"],
  ["api.example.test", "/V1", "api"],
  ["api.example.test", "/x/v1", "api"],
  ["shop.example.test", "/", "wild"],
  ["example.test", "/", 404],
  ["a.shop.example.test", "/", 404],
  ["xn--bcher-kva.test", "/", "idn"],
  ["127.0.0.1", "/", "address"],
  ["[::1]:8443", "/", "address"],
  ["[0:0::1]", "/", "address"],
  ["unknown.test", "/", 404],
  ["unknown.test", "/open/x", "open"],
];

for (const engine of ENGINES) {
  Deno.test(`a request goes by its Host and path to the first route that matches (${engine})`, async () => {
    const backendNames = ["v1", "api", "wild", "idn", "address", "open"] as const;
    await using stack = new AsyncDisposableStack();
    const backends: Record<string, string> = {};
    for (const name of backendNames) backends[name] = stack.use(await startNamed(name)).address;
    await using file = await ConfigFile.create(`
listeners: [{ listen: "127.0.0.1:0", engine: ${engine} }]
certificates: [${certificateYaml(local)}]
backends:
${backendNames.map((name) => `  ${name}: { servers: [${backends[name]}] }`).join("\n")}
routes:
  - { hosts: [Api.Example.Test], paths: [/v1], backend: v1 }
  - { hosts: [api.example.test.], backend: api }
  - { hosts: ["*.example.test"], backend: wild }
  - { hosts: [bücher.test], backend: idn }
  - { hosts: [127.0.0.1, "::1"], backend: address }
  - { paths: [/open], backend: open }
`);
    await using proxy = await file.start();
    using client = await connectTls(proxy.port);
    for (const [host, path, backend] of ROUTED) {
      const answer = await askOver(client, { sni: undefined, host, path });
      const went = answer.status === 200 ? answer.body : answer.status;
      assert.equal(went, backend, `${host}${path}`);
    }
    await client.write(
      "GET https://api.example.test:8443/v1/x HTTP/1.1\r\nHost: api.example.test:8443\r\n\r\n",
    );
    assert.equal((await readAnswer(client)).body, "v1");
    // without Host and SNI, the address that was connected to is what the server gets as Host
    using old = await connectTls(proxy.port);
    await old.write("GET /open HTTP/1.0\r\n\r\n");
    assert.equal((await readAnswer(old)).body, "address");
  });
}

Deno.test("a tcp connection goes by its SNI", async () => {
  await using one = await startBackend((connection) => connection.write("one"));
  await using two = await startBackend((connection) => connection.write("two"));
  await using file = await ConfigFile.create(yaml({
    listener: ", mode: tcp",
    backends: { one: one.address, two: two.address },
    routes: [
      "{ hosts: [api.example.test], backend: one }",
      `{ hosts: ["*.example.test"], backend: two }`,
    ],
  }));
  await using proxy = await file.start();
  const CASES = [["api.example.test", "one"], ["shop.example.test", "two"]] as const;
  for (const [sni, backend] of CASES) {
    const { connection } = await connectAs(proxy.port, sni);
    using client = connection;
    assert.equal(await client.readRest(), backend);
  }
  for (const sni of ["localhost", undefined]) {
    const { connection } = await connectAs(proxy.port, sni);
    using client = connection;
    await client.untilGone();
  }
  await proxy.log.count(/ info end .*how="no_route: /, 2);
});

Deno.test("421 is for a Host that another certificate is for, and for nothing else", async () => {
  await using one = await startNamed("one");
  await using file = await ConfigFile.create(
    yaml({ backends: { one: one.address }, routes: ["{ backend: one }"] }),
  );
  await using proxy = await file.start();
  const CASES: readonly (readonly [sni: string | undefined, host: string, status: number])[] = [
    ["api.example.test", "api.example.test", 200],
    ["api.example.test", "shop.example.test", 421],
    ["api.example.test", "localhost:8443", 421],
    ["shop.example.test", "other.example.test", 200],
    ["shop.example.test", "api.example.test", 200],
    ["shop.example.test", "xn--bcher-kva.test", 421],
    // covered by nothing, so that no other connection would do better
    ["api.example.test", "unknown.test", 200],
    ["api.example.test", "127.0.0.1", 200],
    [undefined, "127.0.0.1", 200],
    [undefined, "unknown.test", 200],
    [undefined, "localhost", 421],
  ];
  for (const [sni, host, status] of CASES) {
    assert.equal((await ask(proxy.port, { sni, host })).status, status, `${sni} ${host}`);
  }
  // so that the client makes another connection
  const { connection } = await connectAs(proxy.port, "api.example.test");
  using client = connection;
  const refused = await askOver(client, { sni: undefined, host: "localhost" });
  assert.deepEqual(valuesOf(refused, "Connection"), ["close"]);
  assert.equal(await client.readRest(), "");
  await proxy.log.first(/ request .* status=421 .* error=misdirected/);
});

Deno.test("a request of HTTP/1.0 without Host goes where its SNI says", async () => {
  await using one = await startNamed("one");
  await using two = await startNamed("two");
  await using file = await ConfigFile.create(yaml({
    backends: { one: one.address, two: two.address },
    routes: ["{ hosts: [api.example.test], backend: one }", "{ backend: two }"],
  }));
  await using proxy = await file.start();
  for (
    const [sni, answer] of [["api.example.test", "one"], ["shop.example.test", "two"]] as const
  ) {
    const { connection } = await connectAs(proxy.port, sni);
    using client = connection;
    await client.write("GET / HTTP/1.0\r\n\r\n");
    assert.match(await client.readRest(), new RegExp(`^HTTP/1.1 200 [^]*${answer}$`), sni);
  }
  assert.deepEqual(valuesOf(one.requests[0] ?? { fields: [] }, "Host"), ["api.example.test"]);
});

Deno.test("an RSA and an ECDSA certificate for a name are not strangers to each other", async () => {
  await using one = await startNamed("one");
  // hosts that the certificates themselves do not have
  await using file = await ConfigFile.create(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates:
  - ${certificateYaml(apiRsa, "hosts: [a.test]")}
  - ${certificateYaml(api, "hosts: [a.test]")}
  - ${certificateYaml(local)}
backends: { one: { servers: [${one.address}] } }
routes: [{ backend: one }]
`);
  await using proxy = await file.start();
  for (const flags of [["-sigalgs", "RSA-PSS+SHA256"], ["-sigalgs", "ECDSA+SHA256"]]) {
    const said = await sClient(
      proxy,
      ["-quiet", "-servername", "a.test", ...flags],
      "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n",
    );
    assert.match(said, /^HTTP\/1\.1 200 /m);
  }
});

Deno.test("a listener that redirects sends every request to the same place over https", async () => {
  await using one = await startHttp(() => encodeAnswer("one"));
  await using file = await ConfigFile.create(`
listeners: [{ listen: "127.0.0.1:0", redirect: https }]
backends: { one: { servers: [${one.address}] } }
routes: [{ backend: one }]
`);
  await using proxy = await file.start();
  const to = (target: string, host = "a.test") => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  const CASES: readonly (readonly [request: string, location: string])[] = [
    [to("/"), "https://a.test/"],
    [to("/a%20b/c?d=e&f"), "https://a.test/a%20b/c?d=e&f"],
    [to("/", "a.test:8080"), "https://a.test/"],
    [to("/x", "[::1]:8080"), "https://[::1]/x"],
    [to("//evil.test/"), "https://a.test//evil.test/"],
    [to("http://a.test/x"), "https://a.test/x"],
    ["HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n", "https://a.test/"],
    ["OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", "https://a.test/"],
  ];
  using client = await connectTcp(proxy.port);
  for (const [request, location] of CASES) {
    await client.write(request);
    const answer = await readAnswer(client);
    assert.equal(answer.status, 308, request);
    assert.deepEqual(valuesOf(answer, "Location"), [location]);
  }
  await client.write("POST /p HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc");
  const posted = await readAnswer(client);
  assert.deepEqual([posted.status, ...valuesOf(posted, "Connection")], [308]);
  const REFUSED = [
    ["GET / HTTP/1.0\r\n\r\n", 400],
    ["GET / HTTP/1.1\r\n\r\n", 400],
    ["GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400],
  ] as const;
  for (const [request, status] of REFUSED) {
    using refused = await connectTcp(proxy.port);
    await refused.write(request);
    const answer = await readAnswer(refused);
    assert.equal(answer.status, status, request);
    assert.deepEqual(valuesOf(answer, "Location"), []);
    assert.equal(valuesOf(answer, "X-Request-Id").length, 1, request);
  }
  await proxy.log.first(/ status=400 .* error=bad_host reason="Without a Host /);
  assert.equal(one.requests.length, 0);
});

/** What `openssl s_client` says of its handshake with the proxy. */
async function sClient(
  { port }: ProxyProcess,
  flags: readonly string[],
  input = "",
): Promise<string> {
  const args = ["s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", ca, ...flags];
  const { stdout, stderr } = await run("openssl", args, { input });
  return stdout + stderr;
}
