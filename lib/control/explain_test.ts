import assert from "node:assert/strict";
import { loadedConfig, paperCertificate } from "../../tests/support/loaded_config.ts";
import { runConfigTests } from "./config_tests.ts";
import { explainRequest } from "./explain.ts";
import { explanationLines } from "./explanation_lines.ts";

const loaded = loadedConfig(`
listeners:
  - { listen: ":8443" }
  - { listen: ":9443", mode: tcp }
  - { listen: ":8080", redirect: https }
certificates: [{ cert: a.test.crt, key: k }, { cert: b.test.crt, key: k }]
backends: { one: { servers: ["h:1", "h:2"] } }
routes:
  - { hosts: [a.test, "::1"], backend: one }
  - { hosts: ["::2", r.test], redirect: { to: "https://{host}{path}" } }
`);

/** The lines without the URL in front. */
function linesFor(url: string, sni?: string): string[] {
  const [, ...lines] = explanationLines(
    explainRequest(loaded, { url, sni, now: new Date("2099-12-31") }),
  );
  return lines.map((line) => line.trim().replace(/ {2,}/, ": "));
}

const ENGINE = "engine: openssl: the best there is here, it does all that can be asked";

Deno.test("explainRequest() says what becomes of a request", () => {
  assert.deepEqual(linesFor("a.test/x"), [
    "listener: 0.0.0.0:8443, http",
    ENGINE,
    "certificate: a.test.crt: it has this very name; expires in 1 day",
    "route: 1, the first that matches: a.test, ::1; every path",
    "backend: one: h:1, h:2",
    "balance: round_robin",
    "health: no checks, only what becomes of requests",
    "adds: X-Forwarded-For: the client's address",
    "adds: X-Forwarded-Proto: https",
    "adds: X-Forwarded-Host: a.test",
    "adds: X-Forwarded-Port: 8443",
  ]);
  assert.deepEqual(linesFor("https://a.test", "b.test").slice(2), [
    "certificate: b.test.crt: it has this very name; expires in 1 day",
    "answer: 421: the host is covered by another certificate than this connection's",
  ]);
  assert.deepEqual(linesFor("https://c.test").slice(2), [
    "certificate: a.test.crt: the default, as none covers the name; expires in 1 day",
    "answer: 404: no route matches",
  ]);
  assert.equal(linesFor("https://[::1]:8443/")[4], "backend: one: h:1, h:2");
  assert.deepEqual(linesFor("http://a.test:8080/x?y#z"), [
    "listener: 0.0.0.0:8080, redirect",
    "answer: 308: Location: https://a.test/x?y",
  ]);
  for (const [asked, host] of [["[::2]", "[::2]"], ["r.test.", "r.test"]]) {
    assert.equal(
      linesFor(`https://${asked}:8443/x`).at(-1),
      `answer: 308: Location: https://${host}/x`,
    );
  }
  assert.deepEqual(
    linesFor("https://b.test:9443").at(-1),
    [
      "answer: no route matches, the connection is closed",
    ][0],
  );
  assert.deepEqual(linesFor("https://r.test:9443").slice(3), [
    "route: 2, the first that matches: ::2, r.test; every path",
    "answer: the route is for HTTP, the connection is closed",
  ]);
});

Deno.test("explainRequest() says all that servers are told, and by what", () => {
  const loaded = loadedConfig(`
listeners: [{ listen: ":443" }]
certificates: [{ cert: a.test.crt, key: k }]
backends:
  one: { servers: ["h:1"], protocol: h2 }
  two: { servers: ["h:2"], proxy_protocol: v1 }
routes:
  - { paths: [/api/, /other], strip_prefix: /api/, backend: one }
  - { backend: two }
forwarded: { standard: true, via: true }
`);
  const added = (path: string) => {
    const url = `https://a.test${path}`;
    const lines = explanationLines(
      explainRequest(loaded, { url, sni: undefined, now: new Date() }),
    );
    return lines.slice(lines.findIndex((line) => line.includes("  health")) + 1)
      .map((line) => line.trim().replace(/ {2,}/, ": "))
      .filter((line) => !/: X-Forwarded-(?:For|Proto|Host|Port): /.test(line));
  };
  const always = [
    "adds: Forwarded: address, host and scheme (RFC 7239)",
    "adds: Via: this proxy, and the client's version of HTTP",
  ];
  assert.deepEqual(added("/api/x"), [
    "protocol: HTTP/2",
    "adds: X-Forwarded-Prefix: /api",
    ...always,
  ]);
  assert.deepEqual(added("/other"), ["protocol: HTTP/2", ...always]);
  assert.deepEqual(added("/"), ["tells: PROXY header v1", ...always]);
});

Deno.test("explainRequest() says whether servers are told of certificates of clients", () => {
  const loaded = loadedConfig(`
listeners: [{ listen: ":443" }]
certificates: [{ cert: a.test.crt, key: k, hosts: [a.test, b.test, c.test] }]
client_auth: [{ hosts: [a.test], ca: ca }, { hosts: [b.test], ca: ca, mode: optional }]
backends: { one: { servers: ["h:1"] } }
routes: [{ backend: one }]
`);
  const CASES = [
    ["a.test", "the client's certificate"],
    ["b.test", "the client's certificate, where it shows one"],
    ["c.test", undefined],
  ] as const;
  for (const [host, told] of CASES) {
    const asked = { url: `https://${host}`, sni: undefined, now: new Date() };
    assert.equal(explainRequest(loaded, asked).addedHeaders?.["Client-Cert"], told);
  }
});

Deno.test("explainRequest() asks the listener that a URL without a port leads to", () => {
  const loaded = loadedConfig(`
listeners:
  - { listen: ":9443", mode: tcp }
  - { listen: ":443" }
  - { listen: ":8080", tls: false }
  - { listen: ":80", redirect: https }
certificates: [{ cert: a.test.crt, key: k }]
backends: { one: { servers: ["h:1"] } }
routes: [{ hosts: [a.test], backend: one }]
`);
  const cases: [string, string][] = [
    ["a.test", "0.0.0.0:443"],
    ["https://a.test:443", "0.0.0.0:443"],
    ["https://a.test:9443", "0.0.0.0:9443"],
    ["http://a.test", "0.0.0.0:80"],
    ["http://a.test:8080", "0.0.0.0:8080"],
  ];
  for (const [url, address] of cases) {
    const { listener } = explainRequest(loaded, { url, sni: undefined, now: new Date() });
    assert.equal(listener.address, address, url);
  }
});

Deno.test("explainRequest() takes of several certificates for a name that of a browser", () => {
  const rsaOnly = "tls: { ciphers: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256] }";
  const loaded = loadedConfig(
    `
listeners:
  - { listen: ":1" }
  - { listen: ":2", ${rsaOnly} }
  - { listen: ":3", engine: deno }
certificates: [{ cert: rsa.crt, key: k }, { cert: ecdsa.crt, key: k }]
backends: { one: { servers: ["h:1"] } }
routes: [{ backend: one }]
tests: [{ host: a.test, expect: { certificate: ecdsa.crt } }]
`,
    (label) =>
      paperCertificate(["a.test"], { label, keyType: label === "rsa.crt" ? "RSA" : "ECDSA" }),
  );
  const given = [1, 2, 3].map((port) =>
    explainRequest(loaded, { url: `a.test:${port}`, sni: undefined, now: new Date() })
      .certificate?.file
  );
  assert.deepEqual(given, ["ecdsa.crt", "rsa.crt", "rsa.crt"]);
  assert.deepEqual(runConfigTests(loaded), []);
});

Deno.test("explainRequest() asks with the Host that the URL says", () => {
  const loaded = loadedConfig(`
listeners: [{ listen: ":443" }, { listen: ":8080", tls: false }]
certificates: [{ cert: a.test.crt, key: k }]
backends: { one: { servers: ["h:1"] } }
routes:
  - { headers: { Host: "a.test:8080" }, respond: { status: 200 } }
  - { headers: { Host: a.test }, respond: { status: 201 } }
  - { headers: { Cookie: "*" }, backend: one }
tests: [{ host: a.test, expect: { status: 201 } }]
`);
  const answer = (url: string) =>
    explainRequest(loaded, { url, sni: undefined, now: new Date() }).answer?.status;
  assert.deepEqual(
    ["https://a.test", "http://a.test:8080", "https://b.test"].map(answer),
    [201, 200, 404],
  );
  assert.deepEqual(runConfigTests(loaded), []);
});

Deno.test("explainRequest() leads on by the name in the handshake, where one is known", () => {
  const loaded = loadedConfig(
    `
listeners:
  - { listen: ":1" }
  - { listen: ":2", tls: false }
  - { listen: ":3", engine: deno }
certificates: [{ cert: a, key: k }]
routes: [{ redirect: { to: "https://z.test/{sni}{path}" } }]
tests: [{ sni: b.test, host: a.test, path: /x, expect: { redirect: "https://z.test/b.test/x" } }]
`,
    () => paperCertificate(["a.test", "b.test"]),
  );
  const location = (url: string, sni?: string) =>
    explainRequest(loaded, { url, sni, now: new Date() }).answer?.reason;
  const cases = [
    [location("https://a.test:1/x"), "a.test/x"],
    [location("https://a.test:1/x", "b.test"), "b.test/x"],
    [location("https://192.0.2.1:1/x"), "/x"],
    [location("http://a.test:2/x"), "/x"],
    [location("https://a.test:3/x"), "/x"],
  ];
  for (const [found, rest] of cases) assert.equal(found, `Location: https://z.test/${rest}`);
  assert.deepEqual(runConfigTests(loaded), []);
});

Deno.test("explainRequest() says what is misdirected without TLS, be it an exception or not", () => {
  const loaded = loadedConfig(`
listeners:
  - { listen: ":8443" }
  - { listen: ":8080", tls: false }
  - { listen: ":8081", redirect: https, except: [/x] }
certificates: [{ cert: a.test.crt, key: k }]
client_auth: [{ hosts: [secret.test], ca: ca.crt }]
backends: { one: { servers: ["h:1"] } }
routes:
  - { hosts: [passed.test], passthrough: true, backend: one }
  - { backend: one }
`);
  const answer = (url: string) =>
    explainRequest(loaded, { url, sni: undefined, now: new Date() }).answer;
  for (const port of [8080, 8081]) {
    assert.deepEqual(answer(`http://secret.test:${port}/x`), {
      status: 421,
      reason: "the host is under another client_auth than the connection's name",
    });
    assert.deepEqual(answer(`http://passed.test:${port}/x`), {
      status: 421,
      reason: "TLS is the server's own under this host",
    });
    assert.equal(answer(`http://a.test:${port}/x`), undefined);
  }
});

Deno.test("explainRequest() refuses what is no URL that is served here", () => {
  for (const url of ["", "/a", "a b", "ftp://a.test", "https://a.test:1", "http://a.test:8443"]) {
    assert.throws(
      () => explainRequest(loaded, { url, sni: undefined, now: new Date() }),
      /is not a URL|No listener of this configuration serves /,
      url,
    );
  }
  for (const host of ["*.a.test", "a!b.test", "-a.test"]) {
    assert.throws(
      () => explainRequest(loaded, { url: `https://${host}/`, sni: undefined, now: new Date() }),
      { message: `"${host}" is no host: a request with it is a 400` },
    );
  }
});
