import assert from "node:assert/strict";
import { testCertificates } from "./support/certificates.ts";
import { configFile, startConfigured, startNamed, visit } from "./support/configured.ts";
import { valuesOf } from "./support/http.ts";
import { runProxyCommand } from "./support/start_proxy.ts";

Deno.test("explain says what running does: certificate, route, backend, fields and answer", async () => {
  await using one = await startNamed("one");
  await using two = await startNamed("two");
  const { issue, ec } = await testCertificates();
  const a = await issue({ name: "a", names: "DNS:a.test" });
  const wild = await issue({ name: "wild", names: "DNS:*.b.test" });
  await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates:
  - { cert: ${a.cert}, key: ${a.key} }
  - { cert: ${wild.cert}, key: ${wild.key} }
  - { cert: ${ec.cert}, key: ${ec.key}, default: true }
backends: { one: { servers: ["${one.address}"] }, two: { servers: ["${two.address}"] } }
routes:
  - { hosts: [a.test], paths: [/v1], backend: one }
  - { hosts: ["*.b.test", a.test], backend: two }
  - { paths: [/any], backend: one }
`);
  const VISITS: [sni: string, host: string, target: string][] = [
    ["a.test", "a.test", "/v1/x"],
    ["a.test", "a.test", "/v2"],
    ["x.b.test", "x.b.test", "/"],
    ["x.b.test", "a.test", "/v1"],
    ["b.test", "b.test", "/any"],
    ["b.test", "b.test", "/"],
    ["c.test", "localhost", "/any?x"],
  ];
  for (const [sni, host, target] of VISITS) {
    const url = `https://${host}${target}`;
    const said = await explain(proxy.config.path, [url, "--sni", sni]);
    const did = await visit(proxy.port, { sni, host, target });
    assert.equal(said.certificate.file.split("/").at(-1), `${did.certificate}.crt`, url);
    assert.equal(said.backend?.name, did.backend, url);
    assert.equal(said.answer?.status, did.status === 200 ? undefined : did.status, url);
    if (did.backend === undefined) continue;
    const seen = (did.backend === "one" ? one : two).requests.at(-1);
    assert.ok(seen);
    for (const [name, value] of Object.entries(said.addedHeaders)) {
      if (name === "X-Forwarded-For") assert.deepEqual(valuesOf(seen, name), ["127.0.0.1"]);
      else if (name !== "X-Forwarded-Port") assert.deepEqual(valuesOf(seen, name), [value], name);
      assert.equal(valuesOf(seen, name).length, 1, name);
    }
  }
});

Deno.test("explain speaks to people, and says why", async () => {
  const { ec } = await testCertificates();
  await using config = await configFile(`
listeners:
  - { listen: "127.0.0.1:8443" }
  - { listen: "127.0.0.1:8444", mode: tcp, tls: { strict_sni: true } }
  - { listen: "127.0.0.1:8080", redirect: https }
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { a: { servers: ["127.0.0.1:8001"] } }
routes: [{ hosts: [localhost], backend: a }]
`);
  const SAID: [args: string[], lines: RegExp[]][] = [
    [["https://localhost/x"], [
      /^https:\/\/localhost\/x$/,
      /^ {2}listener {5}127\.0\.0\.1:8443, http$/,
      /^ {2}engine {7}node: protocol, cipher and SNI are to be logged$/,
      /^ {2}certificate {2}\/.*\/ec\.crt: it has this very name; expires in 89 days$/,
      /^ {2}route {8}1, the first that matches: localhost; every path$/,
      /^ {2}backend {6}a: 127\.0\.0\.1:8001$/,
      /^ {2}balance {6}round_robin$/,
      /^ {2}health {7}no checks, /,
      /^ {2}adds {9}X-Forwarded-For: the client's address$/,
      /^ {2}adds {9}X-Forwarded-Proto: https$/,
      /^ {2}adds {9}X-Forwarded-Host: localhost$/,
      /^ {2}adds {9}X-Forwarded-Port: 8443$/,
    ]],
    [["https://b.test/"], [
      /^https/,
      /listener/,
      /engine/,
      /default, as none covers/,
      /answer {7}404: no route/,
    ]],
    [["https://b.test:8444"], [/^https/, /8444, tcp$/, /engine/, /answer {7}strict_sni: /]],
    [["http://localhost/x"], [
      /^http:/,
      /8080, redirect$/,
      /answer {7}308: Location: https:\/\/localhost\/x$/,
    ]],
  ];
  for (const [args, lines] of SAID) {
    const { code, stdout } = await runProxyCommand(["explain", "--config", config.path, ...args]);
    assert.equal(code, 0);
    const said = stdout.trimEnd().split("\n");
    lines.forEach((line, index) => assert.match(said[index] ?? "", line));
    assert.equal(said.length, lines.length);
  }
  for (
    const [url, why] of [["ftp://x", /is not a URL/], [
      "https://localhost:1",
      /serves port 1/,
    ]] as const
  ) {
    const { code, stderr } = await runProxyCommand(["explain", "--config", config.path, url]);
    assert.equal(code, 1);
    assert.match(stderr, why);
  }
});

async function explain(path: string, args: readonly string[]) {
  const { code, stdout, stderr } = await runProxyCommand([
    ...["explain", "--config", path, "--json", ...args],
  ]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}
