import assert from "node:assert/strict";
import { startBackend } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { startConfigured, startNamed, visit } from "./support/configured.ts";
import { encodeRequest, readAnswer, valuesOf } from "./support/http.ts";
import { connectNodeTls, connectTcp } from "./support/tls_client.ts";
import { run } from "./support/tools.ts";

Deno.test("a certificate is chosen by the SNI: exact, then wildcard, then default", async () => {
  await using backend = await startNamed("a");
  const { issue, ec } = await testCertificates();
  const exact = await issue({ name: "exact", names: "DNS:www.example.test" });
  const wildcard = await issue({ name: "wildcard", names: "DNS:*.example.test" });
  const idn = await issue({ name: "idn", names: "DNS:xn--bcher-kva.example" });
  const given = await issue({ name: "given", names: "DNS:unused.test" });
  await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates:
  - { cert: ${wildcard.cert}, key: ${wildcard.key} }
  - { cert: ${exact.cert}, key: ${exact.key} }
  - { cert: ${idn.cert}, key: ${idn.key} }
  - { cert: ${given.cert}, key: ${given.key}, hosts: [bücher.test, "*.given.test"] }
  - { cert: ${ec.cert}, key: ${ec.key}, default: true }
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ backend: a }]
`);
  const CHOSEN: [sni: string | undefined, certificate: string][] = [
    ["www.example.test", "exact"],
    ["WWW.Example.TEST", "exact"],
    ["www.example.test.", "exact"],
    ["api.example.test", "wildcard"],
    ["a.b.example.test", "ec"],
    ["example.test", "ec"],
    ["xn--bcher-kva.example", "idn"],
    ["xn--bcher-kva.test", "given"],
    ["x.given.test", "given"],
    ["unused.test", "ec"],
    ["localhost", "ec"],
    ["nobody.test", "ec"],
    [undefined, "ec"],
  ];
  for (const [sni, certificate] of CHOSEN) {
    const args = sni === undefined ? ["-noservername"] : ["-servername", sni];
    const connect = ["s_client", "-connect", `127.0.0.1:${proxy.port}`, ...args];
    const { stdout } = await run("openssl", connect, { input: "" });
    assert.equal(/^subject=CN = (.*)$/m.exec(stdout)?.[1], certificate, `SNI ${sni}`);
  }
});

Deno.test("of an RSA and an ECDSA certificate for a name, the client's signatures decide", async () => {
  await using backend = await startNamed("a");
  const { ec, rsa } = await testCertificates();
  await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [{ cert: ${rsa.cert}, key: ${rsa.key} }, { cert: ${ec.cert}, key: ${ec.key} }]
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ backend: a }]
`);
  const RSA = "RSA-PSS+SHA256:RSA+SHA256";
  const ECDSA = "ECDSA+SHA256";
  const CHOSEN: [args: string[], certificate: string][] = [
    [["-tls1_3", "-sigalgs", RSA], "rsa"],
    [["-tls1_3", "-sigalgs", ECDSA], "ec"],
    [["-tls1_3", "-sigalgs", `${RSA}:${ECDSA}`], "ec"],
    [["-tls1_2", "-sigalgs", RSA], "rsa"],
    [["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], "rsa"],
    [["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "ec"],
  ];
  for (const [args, certificate] of CHOSEN) {
    const connect = ["s_client", "-connect", `127.0.0.1:${proxy.port}`, "-servername", "localhost"];
    const { stdout } = await run("openssl", [...connect, ...args], { input: "" });
    assert.equal(/^subject=CN = (.*)$/m.exec(stdout)?.[1], certificate, args.join(" "));
  }
});

Deno.test("an encrypted key is opened with the passphrase in its file", async () => {
  await using backend = await startNamed("a");
  const { issue } = await testCertificates();
  const { cert, key } = await issue({ name: "secret", names: "DNS:a.test", passphrase: "sesame" });
  const phrase = `${key}.pass`;
  await Deno.writeTextFile(phrase, "sesame\n");
  await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [{ cert: ${cert}, key: ${key}, passphrase_file: ${phrase} }]
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ backend: a }]
`);
  const { certificate, status } = await visit(proxy.port, { sni: "a.test" });
  assert.deepEqual([certificate, status], ["secret", 200]);
});

Deno.test("strict_sni refuses unknown names with unrecognized_name, and no name is the default", async () => {
  await using backend = await startNamed("a");
  const { api } = await testCertificates();
  await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0", tls: { strict_sni: true } }]
certificates: [{ cert: ${api.cert}, key: ${api.key} }]
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ backend: a }]
`);
  const connect = ["s_client", "-connect", `127.0.0.1:${proxy.port}`];
  const refused = await run("openssl", [...connect, "-servername", "b.test"], { input: "" });
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /SSL alert number 112/);
  assert.match(refused.stdout, /no peer certificate available/);
  await proxy.log.first(/ warning handshake failed .*sni=b\.test .*error=unknown_name /);
  for (const args of [["-servername", "api.example.test"], ["-noservername"]]) {
    assert.equal((await run("openssl", [...connect, ...args], { input: "" })).code, 0);
  }
});

Deno.test('min_version "1.3" refuses TLS 1.2', async () => {
  await using backend = await startNamed("a");
  const { ec } = await testCertificates();
  await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0", tls: { min_version: "1.3" } }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ backend: a }]
`);
  const connect = ["s_client", "-connect", `127.0.0.1:${proxy.port}`];
  const old = await run("openssl", [...connect, "-tls1_2"], { input: "" });
  assert.match(old.stderr, /alert protocol version/);
  assert.equal((await run("openssl", [...connect, "-tls1_3"], { input: "" })).code, 0);
});

Deno.test("http requests are routed by Host and path, and the first match wins", async () => {
  await using one = await startNamed("one");
  await using two = await startNamed("two");
  await using three = await startNamed("three");
  const { issue } = await testCertificates();
  const { cert, key } = await issue({
    name: "all",
    names: "DNS:a.test,DNS:*.a.test,DNS:b.test,DNS:xn--bcher-kva.test,IP:127.0.0.1",
  });
  await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [{ cert: ${cert}, key: ${key} }]
backends:
  one: { servers: ["${one.address}"] }
  two: { servers: ["${two.address}"] }
  three: { servers: ["${three.address}"] }
routes:
  - { hosts: [a.test], paths: [/v1, /v2/], backend: one }
  - { hosts: [a.test, "*.a.test", bücher.test], backend: two }
  - { hosts: ["127.0.0.1", "::1"], backend: three }
  - { paths: [/any], backend: three }
`);
  const ROUTED: [host: string, target: string, backend: string | undefined][] = [
    ["a.test", "/v1", "one"],
    ["a.test", "/v1/", "one"],
    ["a.test", "/v1/x?y", "one"],
    ["a.test", "/v1?y", "one"],
    ["a.test", "/v10", "two"],
    ["a.test", "/V1", "two"],
    ["a.test", "/v2/x", "one"],
    ["A.TEST", "/v1", "one"],
    ["a.test:8443", "/v1", "one"],
    ["a.test.", "/v1", "one"],
    ["x.a.test", "/v1", "two"],
    ["x.y.a.test", "/v1", undefined],
    ["xn--bcher-kva.test", "/", "two"],
    ["127.0.0.1", "/", "three"],
    ["127.0.0.1:1", "/", "three"],
    ["[::1]", "/", "three"],
    ["[0:0::1]:8443", "/", "three"],
    ["b.test", "/any/thing", "three"],
    ["b.test", "/", undefined],
    ["b.test", "https://a.test/v1", undefined],
    ["a.test", "https://a.test/v1", "one"],
    ["a.test", "http://A.test/v1", "one"],
  ];
  for (const [host, target, backend] of ROUTED) {
    const answer = await visit(proxy.port, { sni: "a.test", host, target });
    const what = `${host} ${target}`;
    assert.equal(answer.backend, backend, what);
    if (backend === undefined) {
      assert.equal(answer.status, host === "b.test" && target !== "/" ? 400 : 404, what);
    }
  }
});

Deno.test("421 is for a Host that another certificate covers, and for no other", async () => {
  await using backend = await startNamed("x");
  const { issue } = await testCertificates();
  const a = await issue({ name: "a", names: "DNS:a.test" });
  const b = await issue({ name: "b", names: "DNS:b.test" });
  await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates:
  - { cert: ${a.cert}, key: ${a.key}, default: true }
  - { cert: ${b.cert}, key: ${b.key} }
backends: { x: { servers: ["${backend.address}"] } }
routes: [{ backend: x }]
`);
  const STATUS: [sni: string | undefined, host: string, status: number][] = [
    ["a.test", "a.test", 200],
    ["b.test", "b.test", 200],
    ["a.test", "b.test", 421],
    ["b.test", "a.test", 421],
    [undefined, "b.test", 421],
    [undefined, "a.test", 200],
    ["a.test", "c.test", 200],
    ["a.test", "127.0.0.1", 200],
    ["c.test", "c.test", 200],
  ];
  for (const [sni, host, status] of STATUS) {
    const answer = await visit(proxy.port, { ...(sni === undefined ? {} : { sni }), host });
    assert.equal(answer.status, status, `${sni} ${host}`);
  }
});

Deno.test("tcp connections are routed by SNI alone", async () => {
  const speak = (name: string) => startBackend((connection) => connection.write(name));
  await using one = await speak("one");
  await using two = await speak("two");
  const { ec } = await testCertificates();
  await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0", mode: tcp }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { one: { servers: ["${one.address}"] }, two: { servers: ["${two.address}"] } }
routes:
  - { hosts: [one.test], backend: one }
  - { hosts: ["*.two.test"], backend: two }
`);
  const ROUTED = [["one.test", "one"], ["ONE.test", "one"], ["x.two.test", "two"]] as const;
  for (const [servername, name] of ROUTED) {
    const options = { servername, rejectUnauthorized: false };
    const { connection } = await connectNodeTls(proxy.port, options);
    using client = connection;
    assert.equal(await client.readRest(), name);
  }
  const { connection } = await connectNodeTls(proxy.port, {
    servername: "three.test",
    rejectUnauthorized: false,
  });
  await connection.untilGone();
  await proxy.log.first(/ info end .*how="no_route: /);
});

Deno.test("a redirect listener sends everybody to https", async () => {
  await using backend = await startNamed("a");
  const { ec } = await testCertificates();
  await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0", redirect: https }, { listen: "127.0.0.1:0" }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ backend: a }]
`);
  using client = await connectTcp(proxy.port);
  const SENT: [request: string, location: string][] = [
    [encodeRequest("/a?b=c", { host: "a.test" }), "https://a.test/a?b=c"],
    [encodeRequest("/", { host: "a.test:8080" }), "https://a.test/"],
    [encodeRequest("/", { host: "[::1]:8080" }), "https://[::1]/"],
    [encodeRequest("http://b.test/x", { host: "b.test" }), "https://b.test/x"],
  ];
  for (const [request, location] of SENT) {
    await client.write(request);
    const answer = await readAnswer(client);
    assert.deepEqual([answer.status, valuesOf(answer, "Location")], [308, [location]]);
  }
  await client.write("GET / HTTP/1.0\r\n\r\n");
  assert.equal((await readAnswer(client)).status, 400);
  assert.equal(await client.readRest(), "");
  assert.equal(backend.connections.length, 0);
});
