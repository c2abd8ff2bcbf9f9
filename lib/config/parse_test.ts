import assert from "node:assert/strict";
import { routeTo } from "./defaults.ts";
import { parseConfig } from "./parse.ts";
import { formatProblem, sortProblems } from "./problem.ts";
import { SERVER_DEFAULTS } from "./backend_schema.ts";

/** The example of the documentation, every key of it. */
const WHOLE = `
listeners:
  - listen: 0.0.0.0:8443
    mode: http
    engine: auto
    tls: { min_version: "1.3", strict_sni: true }
    proxy_protocol: { from: [10.0.0.0/8] }
  - { listen: "[::1]:8080", redirect: https }
certificates:
  - { cert: certs/api.crt, key: /abs/api.key, hosts: [API.Example.COM., "*.bücher.example"], default: true }
  - { cert: b.crt, key: b.key, passphrase_file: b.pass }
backends:
  api:
    servers:
      - 127.0.0.1:8001
      - { address: 127.0.0.1:8003, weight: 2, backup: true, max_connections: 9, drain: true, health: none }
      - unix:/run/app.sock
      - dns:api.internal:8001
    balance: least_connections
    sticky: { cookie: at, ttl: 90s }
    health:
      { type: http, method: HEAD, path: /healthz?a, host: h, expect: "200-299,404", body: fine,
        interval: 300ms, fast_interval: 100ms, timeout: 2s, rise: 1, fall: 5 }
    ejection: { failures: 2, time: 1s, max_time: 1m, min_healthy: 75 }
    slow_start: 20s
    queue: { max: 7, timeout: 8s }
    retries: 1
    when_down: 503
    proxy_protocol: v2
    tls: { ca: ca.pem, name: API.internal, cert: own.crt, key: /abs/own.key, passphrase_file: own.pass, verify: false }
    dns: { interval: 1m, timeout: 1s, server: 127.0.0.1:8600, networks: [10.0.0.0/8] }
    timeouts: { connect: 1s, response: 10m, idle: 1h }
    limits: { header_bytes: 64KiB, headers: 300 }
    pool: { max_idle: 3, idle_timeout: 1h }
  old: { servers: [127.0.0.1:8443], tls: true }
routes:
  - { hosts: [api.example.com, "*.api.example.com"], paths: [/v1], backend: api }
  - { hosts: [old.example.com], passthrough: true, backend: old }
  - { backend: api }
client_auth:
  - { hosts: [Admin.example], ca: clients.pem, mode: optional, crl: /abs/clients.crl }
  - { ca: clients.pem }
forwarded: { trusted: [10.0.0.0/8, "2001:db8::/32", 192.0.2.1], standard: true }
timeouts: { handshake: 1s, header: 2s, body_idle: 3s, keep_alive: 4s, tunnel_idle: 5s, drain: 6s }
limits: { connections: 1, connections_per_ip: 2, header_bytes: 1MiB, headers: 3, body: 0, body_rate: 500 }
workers: 2
log: { level: debug, levels: { tls: error }, format: json, access: false, tls: false, sample: 0.5, file: logs/a.log }
watch: { config: true, certificates: false }
admin: { listen: 127.0.0.1:9900, token_file: /run/token, hosts: [Admin.example] }
tests:
  - { sni: api.example.com, host: api.example.com, path: /v1/x, expect: { backend: api, certificate: api.example.com, status: 200 } }
`;

Deno.test("parseConfig() reads every key of the file", () => {
  const { config, problems } = parseConfig({ path: "etc/proxy.yaml", text: WHOLE });
  assert.deepEqual(problems, []);
  assert.deepEqual(config?.listeners, [
    {
      kind: "tls",
      listen: { host: "0.0.0.0", port: 8443 },
      mode: "http",
      engine: "auto",
      http2: true,
      alpn: [],
      tls: {
        minVersion: "1.3",
        strictSni: true,
        ciphers: undefined,
        groups: undefined,
        sessionTickets: true,
      },
      proxyProtocol: { from: ["10.0.0.0/8"] },
    },
    {
      ...{ kind: "redirect", listen: { host: "::1", port: 8080 } },
      ...{ except: [], proxyProtocol: undefined },
    },
  ]);
  assert.deepEqual(config.certificates, [
    {
      cert: "etc/certs/api.crt",
      key: "/abs/api.key",
      passphraseFile: undefined,
      hosts: ["api.example.com", "*.xn--bcher-kva.example"],
      default: true,
    },
    {
      cert: "etc/b.crt",
      key: "etc/b.key",
      passphraseFile: "etc/b.pass",
      hosts: undefined,
      default: false,
    },
  ]);
  assert.deepEqual(config.backends.get("api"), {
    servers: [
      { address: { kind: "tcp", host: "127.0.0.1", port: 8001 }, ...SERVER_DEFAULTS },
      {
        address: { kind: "tcp", host: "127.0.0.1", port: 8003 },
        weight: 2,
        backup: true,
        maxConnections: 9,
        drain: true,
        checked: false,
      },
      { address: { kind: "unix", path: "/run/app.sock" }, ...SERVER_DEFAULTS },
      { address: { kind: "dns", host: "api.internal", port: 8001 }, ...SERVER_DEFAULTS },
    ],
    balance: "least_connections",
    sticky: { cookie: "at", ttl: 90_000 },
    protocol: "http1",
    health: {
      type: "http",
      service: "",
      method: "HEAD",
      path: "/healthz?a",
      host: "h",
      expect: [[200, 299], [404, 404]],
      body: "fine",
      interval: 300,
      fastInterval: 100,
      timeout: 2_000,
      rise: 1,
      fall: 5,
    },
    ejection: { failures: 2, time: 1_000, maxTime: 60_000, minHealthy: 75 },
    slowStart: 20_000,
    queue: { max: 7, timeout: 8_000 },
    retries: 1,
    whenDown: 503,
    proxyProtocol: "v2",
    tls: {
      ...{ ca: "etc/ca.pem", name: "api.internal", cert: "etc/own.crt", key: "/abs/own.key" },
      passphraseFile: "etc/own.pass",
      verify: false,
    },
    dns: {
      interval: 60_000,
      timeout: 1_000,
      server: { host: "127.0.0.1", port: 8600 },
      networks: ["10.0.0.0/8"],
    },
    timeouts: { connect: 1_000, response: 600_000, idle: 3_600_000 },
    limits: { headerBytes: 64 * 1024, headers: 300 },
    pool: { maxIdle: 3, idleTimeout: 3_600_000 },
  });
  assert.deepEqual(config.backends.get("old")?.tls, {
    ...{ ca: undefined, name: undefined, cert: undefined, key: undefined },
    passphraseFile: undefined,
    verify: true,
  });
  assert.deepEqual(config.clientAuth, [
    { hosts: ["admin.example"], ca: "etc/clients.pem", mode: "optional", crl: "/abs/clients.crl" },
    { hosts: [], ca: "etc/clients.pem", mode: "require", crl: undefined },
  ]);
  const common = routeTo("api");
  assert.deepEqual(config.routes, [
    { ...common, hosts: ["api.example.com", "*.api.example.com"], paths: ["/v1"] },
    { ...common, hosts: ["old.example.com"], passthrough: true, backend: "old" },
    { ...common, hosts: [] },
  ]);
  assert.deepEqual(config.timeouts, {
    handshake: 1_000,
    header: 2_000,
    bodyIdle: 3_000,
    keepAlive: 4_000,
    tunnelIdle: 5_000,
    drain: 6_000,
  });
  assert.deepEqual(config.limits, {
    connections: 1,
    connectionsPerIp: 2,
    headerBytes: 1024 * 1024,
    headers: 3,
    body: 0,
    bodyRate: 500,
    streams: 100,
  });
  assert.equal(config.workers, 2);
  assert.deepEqual(config.log, {
    level: "debug",
    levels: { access: undefined, tls: "error", server: undefined, proxy: undefined },
    format: "json",
    access: false,
    tls: false,
    sample: 0.5,
    file: "etc/logs/a.log",
  });
  assert.deepEqual(config.watch, { config: true, certificates: false });
  assert.deepEqual(config.admin, {
    listen: { host: "127.0.0.1", port: 9900 },
    tokenFile: "/run/token",
    hosts: ["admin.example"],
  });
  assert.equal(config.forwarded.standard, true);
  assert.deepEqual(config.tests[0]?.expect, {
    backend: "api",
    certificate: "api.example.com",
    status: 200,
    redirect: undefined,
    header: undefined,
  });
});

Deno.test("parseConfig() fills in the defaults of the contract", () => {
  const { config } = parseConfig({ path: "p.yaml", text: "listeners: [{ listen: :8443 }]" });
  assert.deepEqual(config?.timeouts, {
    handshake: 10_000,
    header: 30_000,
    bodyIdle: 60_000,
    keepAlive: 75_000,
    tunnelIdle: 600_000,
    drain: 30_000,
  });
  assert.deepEqual(config.limits, {
    connections: 10_000,
    connectionsPerIp: 0,
    headerBytes: 16 * 1024,
    headers: 100,
    streams: 100,
    body: 0,
    bodyRate: 240,
  });
  assert.deepEqual(config.log, {
    level: "info",
    levels: { access: undefined, tls: undefined, server: undefined, proxy: undefined },
    format: "text",
    access: true,
    tls: true,
    sample: 1,
    file: undefined,
  });
  assert.deepEqual(config.watch, { config: false, certificates: true });
  assert.equal(config.workers, "auto");
});

Deno.test("parseConfig() takes .. out of paths, as a process that may read single files does", () => {
  const text = ok(
    "certificates: [{ cert: ../tls/a.crt, key: /etc/x/../a.key }]\nlog: { file: ./a }",
  );
  const { config } = parseConfig({ path: "/etc/proxy/p.yaml", text });
  const [certificate] = config?.certificates ?? [];
  assert.deepEqual([certificate?.cert, certificate?.key], ["/etc/tls/a.crt", "/etc/a.key"]);
  assert.equal(config?.log.file, "/etc/proxy/./a");
  const here = parseConfig({ path: "p.yaml", text }).config;
  assert.equal(here?.certificates[0]?.cert, "../tls/a.crt");
});

Deno.test("parseConfig() takes a version of TLS with quotes and without", () => {
  for (const [version, meant] of [["'1.2'", "1.2"], ["1.2", "1.2"], ["1.3", "1.3"]]) {
    const text = `listeners: [{ listen: ":1", tls: { min_version: ${version} } }]`;
    const { config, problems } = parseConfig({ path: "p.yaml", text });
    const [listener] = config?.listeners ?? [];
    assert.ok(listener?.kind === "tls", JSON.stringify(problems));
    assert.equal(listener.tls.minVersion, meant);
  }
});

Deno.test("parseConfig() takes a status that a check expects with quotes and without", () => {
  for (const status of ["200", "'200'"]) {
    const keys = `servers: ['h:1'], health: { type: http, expect: ${status} }`;
    const text = ok(`backends: { a: { ${keys} } }\nroutes: [{ backend: a }]`);
    const { config, problems } = parseConfig({ path: "p.yaml", text });
    const health = config?.backends.get("a")?.health;
    assert.ok(health?.type === "http", JSON.stringify(problems));
    assert.deepEqual(health.expect, [[200, 200]]);
  }
});

/** One mistake each, in a file that is right but for it; the place is counted in the fragment. */
const MISTAKES: readonly (readonly [text: string, first: string])[] = [
  ["", `1:1: "listeners" is missing`],
  [
    ok("routes: [&a { hosts: [a], backend: b }, { <<: *a, backend: b }]"),
    `2:43: "<<" merges nothing in YAML 1.2: write the keys out`,
  ],
  [
    ok("routes: [{ hosts: [_], backend: a }]"),
    `2:20: "_" is not a host name; leave hosts out for every host`,
  ],
  [
    ok("routes: [{ hosts: [.a.test], backend: a }]"),
    `2:20: ".a.test" is not a host name; write both: "a.test" and "*.a.test"`,
  ],
  ["listeners: []", `1:12: "listeners" must not be empty`],
  ["listeners: 5", `1:12: "listeners" must be a list`],
  ["- 1", `1:1: the file must be a map of keys`],
  [
    "listeners: [{ listen: *:443 }]",
    `1:23: there is no anchor "&:443" above this; every address is written as ":443"`,
  ],
  ["listeners: *a", `1:12: there is no anchor "&a" above this`],
  ["listeners: &a [*a]", `1:16: an entry of "listeners" must be a map of keys`],
  [
    ok("routes: [{ hosts: [*.example.com], backend: a }]"),
    `2:20: there is no anchor "&.example.com" above this; put a wildcard into quotes: "*.example.com"`,
  ],
  [
    ok("routes:\n  - hosts:\n      - *.a\n    backend: a"),
    `4:9: there is no anchor "&.a" above this; put a wildcard into quotes: "*.a"`,
  ],
  [
    ok('error_pages: { 502: a.html, "502": b.html }'),
    `2:29: map keys must be unique, and "502" stands here again; put all of it below the first`,
  ],
  [
    "listeners: []\nlog: { level: info }\nlog: { tls: false }",
    `3:1: map keys must be unique, and "log" stands here again; put all of it below the first`,
  ],
  ["listeners:\n\t- { listen: ':1' }", "2:1: tabs are not allowed as indentation; write spaces"],
  [ok("~: 2"), `2:1: unknown key ""`],
  [manyAliases(), `6:44: the aliases up to "*e" stand for too many values`],
  [
    "listeners:\n  - listen: [::]:443\n",
    `2:13: a bracket begins a list; put an address of IPv6 into quotes: "[::]:443"`,
  ],
  [
    "listeners: [{ listen: [::1]:443, mode: http }]",
    `1:23: a bracket begins a list; put an address of IPv6 into quotes: "[::1]:443"`,
  ],
  [
    ok("routes: [{ redirect: { to: https://a.test{path} } }]"),
    "2:42: a brace begins a map; put text that has one into quotes",
  ],
  [
    ok('routes:\n  - { hosts: [a], respond: { body: "no } }\nworkers: 1\nlog: { tls: true }'),
    "3:36: the quote that begins here is not closed",
  ],
  [`${ok("workers: 1")}\n${"\0".repeat(9)}`, "3:1: a NUL byte stands here: the file is damaged"],
  ["listeners: []\n---\na: 1", "2:1: a second document begins here; a configuration is one"],
  ["listeners: [", `1:13: flow sequence`],
  [
    "listeners: []\nlisteners: []",
    `2:1: map keys must be unique, and "listeners" stands here again; put all of it below the first`,
  ],
  [
    ok("log: { level: info, tls: true, level: debug }"),
    `2:32: map keys must be unique, and "level" stands`,
  ],
  ["listeners:\n\t- { listen: ':1' }", "2:1: tabs are not allowed as indentation; write spaces"],
  [ok("log:\n  \tlevel: info"), "3:3: tabs are not allowed as indentation; write spaces"],
  [ok("log: {\n\tlevel: info }"), "3:1: tabs are not allowed as indentation; write spaces"],
  [
    ok("routes: [{ hosts: [*], backend: a }]"),
    `2:20: an asterisk begins an alias; put a wildcard into quotes: "*"`,
  ],
  [
    ok("routes:\n  - hosts: *.a, b"),
    `3:12: an asterisk begins an alias; put a wildcard into quotes: "*.a"`,
  ],
  [
    ok("log: { file: !env LOG }"),
    `2:14: there is no tag "!env" here; put a text that begins with ! into quotes`,
  ],
  [
    ok("routes: !include routes.yaml"),
    `2:9: there is no tag "!include" here; put a text that begins with ! into quotes`,
  ],
  [ok("log: !reference [a, b]"), `2:6: there is no tag "!reference" here`],
  [ok("workers: !!int8 2"), `2:10: there is no tag "tag:yaml.org,2002:int8" here`],
  [ok("log: { file: @x }"), "2:14: plain value cannot start with reserved character @; quote"],
  [`listeners: [{ listen: ":1", mod: tcp }]`, `1:29: unknown key "mod", did you mean "mode"?`],
  [`listeners: [{ listen: ":1", zzzzz: tcp }]`, `1:29: unknown key "zzzzz"`],
  [`severs: 1\nlisteners: [{ listen: ":1" }]`, `1:1: unknown key "severs"`],
  [ok("routes: [{ headers: { __proto__: x }, backend: a }]"), `2:23: unknown key "__proto__"`],
  [ok("backends: { __proto__: { servers: [h:1] } }"), `2:13: unknown key "__proto__"`],
  ["listeners: [{ listen: 8443 }]", `1:23: "listen" must be text, such as 127.0.0.1:8443`],
  ["listeners: [{ mode: tcp }]", `1:13: "listen" is missing`],
  ["listeners: [{ listen: localhost }]", `1:23: "localhost" is not an address`],
  [`listeners: [{ listen: "a:65536" }]`, `1:23: "a:65536" is not an address: a port is at most`],
  [`listeners: [{ listen: ":1", mode: udp }]`, `1:35: "mode" must be "http" or "tcp"`],
  [`listeners: [{ listen: ":1", redirect: http }]`, `1:39: "redirect" must be "https"`],
  [
    `listeners: [{ listen: ":1", redirect: https, mode: tcp }]`,
    `1:52: "mode" means nothing for a listener that redirects`,
  ],
  [
    `listeners: [{ listen: ":1", tls: { min_version: 1.1 } }]`,
    `1:49: "min_version" must be "1.2" or "1.3"`,
  ],
  [
    `listeners: [{ listen: ":1", engine: node }]`,
    '1:37: there is no "node" engine any more: write openssl, which takes its place, or auto',
  ],
  [
    `listeners: [{ listen: ":1", tls: { ciphers: [TLS_AES_128_GCM_SHA265] } }]`,
    '1:46: "TLS_AES_128_GCM_SHA265" is no cipher suite that is offered; did you mean ' +
    "TLS_AES_128_GCM_SHA256?",
  ],
  [
    `listeners: [{ listen: ":1", tls: { ciphers: [RC4] } }]`,
    '1:46: "RC4" is no cipher suite that is offered; write one such as TLS_AES_128_GCM_SHA256',
  ],
  [
    `listeners: [{ listen: ":1", tls: { ciphers: [ECDHE-RSA-AES128-GCM-SHA256] } }]`,
    '1:46: "ECDHE-RSA-AES128-GCM-SHA256" is TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 here, as IANA has it',
  ],
  [
    `listeners: [{ listen: ":1", tls: { groups: [P-256] } }]`,
    '1:45: "P-256" is none of the groups x25519, secp256r1, secp384r1, ',
  ],
  [
    `listeners: [{ listen: ":1", alpn: [h2] }]`,
    '1:35: "alpn" is for tcp mode: in http mode it is what HTTP asks for',
  ],
  [
    `listeners: [{ listen: ":1", redirect: https, alpn: [h2] }]`,
    '1:52: "alpn" means nothing for a listener that redirects',
  ],
  [
    `listeners: [{ listen: ":1", mode: tcp, alpn: ["a b"] }]`,
    "1:47: a protocol is 1 to 255 printable characters",
  ],
  [ok("certificates: [{ cert: a.crt }]"), `2:16: "key" is missing`],
  [ok("certificates: [{ certificate: a, private_key: b }]"), `2:16: "cert" is missing`],
  [ok("certificates: [{}]"), `2:16: "cert" is missing`],
  [
    ok("certificates: [{ acme: [a.test], cert: a.crt, key: a.key }]"),
    `2:18: "acme" cannot stand beside the other keys here`,
  ],
  [
    ok("certificates: [{ acme: ['*.a', '*.b', '*.c', '*.d'] }]"),
    `2:25: "*.a" would need DNS-01`,
  ],
  [
    ok("certificates: [{ cert: a, key: b, hosts: ['a:1', 'b:1', 'c:1', 'd:1'] }]"),
    `2:43: "a:1" is not a host name; leave the port out`,
  ],
  [ok("cluster: { redis: 'h:0' }"), `2:19: "h:0": a Redis needs a port`],
  [
    ok("backends: { a: { servers: ['dns:h:1'], dns: { server: '127.0.0.1:0' } } }"),
    `2:55: "127.0.0.1:0": a name server needs a port`,
  ],
  [ok("error_pages: { 502: a.html, 503: 5 }"), `2:34: "503" must be text`],
  [
    ok("backends: { 1: { servers: ['h:1'] }, 2: { servers: [5] } }"),
    `2:53: an entry of "servers" must be`,
  ],
  [ok("certificates: [{ cert: '', key: a }]"), `2:24: "cert" must not be empty`],
  [
    ok("backends: { a: { servers: ['h:1'], health: { type: http, expect: '100-199' } } }"),
    `2:66: "100-199" has the status of no final answer; write a range like 200-399`,
  ],
  [
    ok("tests: [{ sni: 192.0.2.1, expect: { status: 404 } }]"),
    `2:16: "192.0.2.1" is not a host name, and no handshake names an address`,
  ],
  [ok("certificates: [{ cert: a, key: b, hosts: ['a b'] }]"), `2:43: "a b" is not a host name`],
  [ok("certificates: [{ cert: a, key: b, hosts: ['*.*.a'] }]"), `2:43: "*.*.a" is not a host`],
  [
    ok("backends: { a: { servers: ['h:1'], sticky: { cookie: 'a b' } } }"),
    `2:54: "a b" is not the name of a cookie; write up to 64 letters, digits, - and _, such as lb`,
  ],
  [
    ok("backends: { a: { servers: ['h:1'], sticky: { cookie: 'a=b' } } }"),
    `2:54: "a=b" is not the name of a cookie`,
  ],
  [
    ok("backends: { a: { servers: ['h:1'], sticky: { cookie: '' } } }"),
    `2:54: "" is not the name of a cookie`,
  ],
  [
    ok("backends: { a: { servers: ['h:1'], sticky: { ttl: 999ms } } }"),
    `2:51: "999ms" is no time that a cookie is kept for: write 1s to 400d`,
  ],
  [
    ok("backends: { a: { servers: ['h:1'], sticky: { ttl: 401d } } }"),
    `2:51: "401d" is no time that a cookie is kept for: write 1s to 400d`,
  ],
  [
    ok("backends: { a: { servers: ['h:1'], sticky: { ttl: 1w } } }"),
    `2:51: "1w" is not a duration; write 300s, 10m or 1h`,
  ],
  [
    ok("backends: { a: { servers: ['h:1'], sticky: { cokie: lb } } }"),
    `2:46: unknown key "cokie", did you mean "cookie"?`,
  ],
  [ok("backends: { a: { servers: [] } }"), `2:27: "servers" must not be empty`],
  [
    ok("backends: { a: { servers: [1] } }"),
    `2:28: an entry of "servers" must be text, such as 127.0.0.1:8001`,
  ],
  [ok("backends: { a: { servers: ['h:0'] } }"), `2:28: "h:0": a server needs a port`],
  [ok("backends: { a: { servers: [{ adress: 'h:1' }] } }"), `2:28: "address" is missing`],
  [ok("backends: { a: { servers: [{ address: 'h:1', weight: 0 }] } }"), `2:54: "weight" must be`],
  [ok("backends: { 'a b': { servers: ['h:1'] } }"), `2:13: "a b" is not a name`],
  [
    ok(`backends: { ${"a".repeat(65)}: { servers: ['h:1'] } }`),
    `2:13: "${"a".repeat(65)}" is not a name: 1 to 64 of letters`,
  ],
  [ok("backends: { a: { servers: ['h:1'], balance: fair } }"), `2:45: "balance" must be "round_`],
  [ok("backends: { a: { servers: ['h:1'], health: { expect: 20 } } }"), `2:54: "expect" must be`],
  [ok("backends: { a: { servers: ['h:1'], health: { expect: 600 } } }"), `2:54: "expect" must be`],
  [
    ok("backends: { a: { servers: ['h:1'], health: { expect: [200] } } }"),
    `2:54: "expect" must be text, such as 200-399 or a number`,
  ],
  [ok("backends: { a: { servers: ['h:1'], health: { expect: '300-200' } } }"), "2:54: "],
  [ok("timeouts: { drain: 5 }"), `2:20: "drain" must be text, such as 5s`],
  [ok("timeouts: { drain: 5 s }"), `2:20: "5 s" is not a duration; write 300ms, 5s, 10m or 1h`],
  [ok("timeouts:\n  drain: |\n    5s"), `3:10: "5s\\n" is not a duration`],
  [ok('timeouts: { drain: "\\e[2J" }'), `2:20: "\\u001b[2J" is not a duration`],
  [ok('timeouts: { drain: "\\x9b2J\\x7f" }'), `2:20: "\\u009b2J\\u007f" is not a duration`],
  [ok("timeouts: { drain: -5s }"), `2:20: "-5s" is not a duration`],
  [ok("timeouts: { drain: 25d }"), `2:20: "25d" is too long: 24d is the most`],
  [
    ok("backends: { a: { servers: ['h:1'], health: { interval: 720h } } }"),
    `2:56: "720h" is too long: 24d is the most`,
  ],
  [
    ok("backends: { a: { servers: ['h:1'], timeouts: { idle: 30d } } }"),
    `2:54: "30d" is too long: 24d is the most`,
  ],
  ...["handshake", "header", "body_idle", "tunnel_idle"].map((key): [string, string] => {
    const start = `timeouts: { ${key}: `;
    const message = `"0s" is no time at all; write 300ms, 5s, 10m or 1h`;
    return [ok(`${start}0s }`), `2:${start.length + 1}: ${message}`];
  }),
  ...[
    ["health", "interval"],
    ["health", "fast_interval"],
    ["health", "timeout"],
    ["dns", "interval"],
    ["dns", "timeout"],
    ["timeouts", "connect"],
    ["timeouts", "response"],
    ["timeouts", "idle"],
  ].map(([part = "", key = ""]): [string, string] => {
    const start = `backends: { a: { servers: ['h:1'], ${part}: { ${key}: `;
    return [ok(`${start}0ms } } }`), `2:${start.length + 1}: "0ms" is no time at all`];
  }),
  [ok("limits: { header_bytes: 0 }"), "2:25: a head takes some bytes, so the limit must be at"],
  [
    ok("backends: { a: { servers: ['h:1'], limits: { header_bytes: 0B } } }"),
    "2:60: a head takes some bytes",
  ],
  [ok("limits: { header_bytes: 16K }"), `2:25: "16K" is not a size; write 16KiB or 1MiB`],
  [ok("limits: { headers: 0 }"), `2:20: "headers" must be at least 1`],
  [ok("limits: { headers: 1.5 }"), `2:20: "headers" must be a whole number`],
  [ok("routes: [{ paths: [v1], backend: a }]"), "2:20: a path begins with / and has no"],
  [
    ok("routes: [{ paths: [/café], backend: a }]"),
    '2:20: requests have it encoded: write "%C3%A9" for "é"',
  ],
  [
    ok("routes: [{ paths: ['/b/*'], backend: a }]"),
    `2:20: "/b/*" holds a *, but a path is a prefix and covers all below it: write "/b/"`,
  ],
  [
    ok("routes: [{ paths: ['/*/c'], backend: a }]"),
    `2:20: "/*/c" holds a *, but a path is a prefix`,
  ],
  [
    ok("routes: [{ hosts: [], backend: a }]"),
    `2:19: "hosts" must not be empty: leave it out for every host`,
  ],
  [
    ok("routes: [{ paths: [], backend: a }]"),
    `2:19: "paths" must not be empty: leave it out for every path`,
  ],
  [
    ok("certificates: [{ cert: a, key: b, hosts: [] }]"),
    `2:42: "hosts" must not be empty: leave it out for the names in the certificate`,
  ],
  [
    ok("client_auth: [{ ca: a, hosts: [] }]"),
    `2:31: "hosts" must not be empty: leave it out for all names that no other entry has`,
  ],
  [
    ok("routes: [{ methods: ['*'], backend: a }]"),
    `2:22: "*" is no method that a request has; leave methods out for every method`,
  ],
  [
    ok("routes: [{ hosts: ['*'], backend: a }]"),
    `2:20: "*" is not a host name; leave hosts out for every host`,
  ],
  [
    ok("routes: [{ hosts: ['a.test:443'], backend: a }]"),
    `2:20: "a.test:443" is not a host name; leave the port out`,
  ],
  [ok("routes: [{}]"), `2:10: "backend" is missing`],
  [
    ok("backends: { a: { servers: [{ address: 'h:1', health: tcp }] } }"),
    `2:54: "health" must be "none"`,
  ],
  [ok("backends: { a: { servers: ['h:1'], limits: { headers: 0 } } }"), `2:55: "headers" must be`],
  [ok("backends: { a: { servers: ['h:1'], limits: { body: 1 } } }"), `2:46: unknown key "body"`],
  [ok("backends: { a: { servers: ['h:1'], timeouts: { idle: 5 } } }"), `2:54: "idle" must be text`],
  [ok("forwarded: { trusted: [10.0.0.0/33] }"), "2:24: not an address range"],
  [ok("workers: 0"), `2:10: "workers" must be at least 1`],
  [ok("workers: many"), `2:10: "workers" must be "auto" or a number`],
  [ok("workers: '2'"), `2:10: "workers" must be "auto" or a number`],
  [ok("workers: 300"), `2:10: "workers" must be at most 256`],
  [ok("log: { tls: yes }"), `2:13: "tls" must be true or false`],
  [
    ok("backends: { a: { servers: ['h:1'], when_down: '503' } }"),
    `2:47: "when_down" must be 502 or 503`,
  ],
  [`listeners: [{ listen: ":1", tls: true }]`, `1:34: "tls" must be false or a map of keys`],
  [
    ok(`cluster: { redis: 'h:1', prefix: ${"p".repeat(101)} }`),
    `2:34: "prefix" must have at most 100 characters`,
  ],
  [
    ok(`backends: { a: { servers: ['h:1'], health: { service: ${"s".repeat(201)} } } }`),
    `2:55: "service" must have at most 200 characters`,
  ],
  [
    ok(`certificates: [{ acme: [${"a.test, ".repeat(100)}a.test] }]`),
    `2:24: "acme" must have at most 100 entries`,
  ],
  [ok("tests: [{ host: a, expect: {} }]"), "2:28: expects nothing"],
];

function ok(fragment: string): string {
  return `listeners: [{ listen: ":1" }]\n${fragment}`;
}

Deno.test("parseConfig() says what is wrong and where", () => {
  for (const [text, first] of MISTAKES) {
    const source = { path: "p.yaml", text };
    const { config, problems } = parseConfig(source);
    assert.equal(config, undefined, text);
    const [problem] = sortProblems(problems);
    assert.ok(problem !== undefined, text);
    const line = formatProblem(problem, source, { caret: false });
    assert.ok(line.startsWith(`p.yaml:${first}`), `${text}\n  gives ${line}\n  not   ${first}`);
    assert.doesNotMatch(line, /Invalid|undefined|\n/, text);
  }
});

Deno.test("parseConfig() says of what is nested without end that it is", () => {
  const text = `a: ${"[".repeat(5000)}${"]".repeat(5000)}`;
  const { problems } = parseConfig({ path: "p.yaml", text });
  assert.deepEqual(problems.map(({ message }) => message), ["what stands here is nested too deep"]);
});

Deno.test("parseConfig() says of each line that a tab indents it, and nothing of what it has put out of order", () => {
  const text = ok("log:\n  level: info\n\ttls: true\n\taccess: true");
  const { problems } = parseConfig({ path: "p.yaml", text });
  assert.deepEqual(problems.map(({ place: { line, column } }) => `${line}:${column}`), [
    "4:1",
    "5:1",
  ]);
});

Deno.test("parseConfig() says nothing of what quotes that are left out have put out of order", () => {
  for (
    const text of [
      ok("routes: [{ redirect: { to: https://a.test{path} } }]"),
      ok("admin: { listen: [::1]:9900 }"),
      ok("routes: [{ respond: { body: 'a } }]\nworkers: 1"),
    ]
  ) assert.equal(parseConfig({ path: "p.yaml", text }).problems.length, 1, text);
});

Deno.test("parseConfig() says one thing of a value that is wrong in two ways", () => {
  for (
    const [yaml, told] of [
      [ok("routes: ''"), '"routes" must be a list'],
      [ok("routes: [{ hosts: '', backend: a }]"), '"hosts" must be a list'],
      [ok("limits: { streams: 1e300 }"), '"streams" must be at most 1000000000'],
      [
        ok("backends: { a: { servers: [{ address: 'h:1', weight: 1e300 }] } }"),
        '"weight" must be at most 1000000000',
      ],
      [ok("routes: [{ methods: ['a b'], backend: a }]"), "not a method, such as GET"],
      [
        "listeners: [{ listen: ':1', tls: { min_version: TLSv1.2 } }]",
        '"min_version" must be "1.2" or "1.3"',
      ],
      [ok("acme: { accept_terms: true, email: 1 }"), '"email" must be text'],
      [ok("acme: { accept_terms: true, email: a }"), "not an address of mail"],
      [ok("acme: { accept_terms: true, directory: [] }"), '"directory" must be text'],
    ] as const
  ) {
    const { problems } = parseConfig({ path: "p.yaml", text: yaml });
    assert.deepEqual(problems.map(({ message }) => message), [told], yaml);
  }
});

Deno.test("parseConfig() reports every mistake at once", () => {
  const text = ok("timeouts: { drain: 5, handshake: x }\nworkers: 0\nbackend: {}");
  assert.equal(parseConfig({ path: "p.yaml", text }).problems.length, 4);
});

/** A part that is wrong in a key that it cannot do without, and what is told of it. */
const NEEDED: readonly (readonly [fragment: string, message: string])[] = [
  ["certificates: [{ acme: ['*.a'] }]", '"*.a" would need DNS-01'],
  ["certificates: [{ acme: 5 }]", '"acme" must be a list'],
  ["client_auth: [{ mode: require }]", '"ca" is missing'],
  ["client_auth: [5, { ca: x }]", 'an entry of "client_auth" must be a map of keys'],
  ["acme: { email: a@b.test }", '"accept_terms" must be true'],
  ["acme: { accept_terms: true, eab: { kid: a } }", '"hmac_file" is missing'],
  ["acme: { accept_terms: true, eab: { kid: 5, hmac_file: a } }", '"kid" must be text'],
  ["cluster: { tls: true }", '"redis" is missing'],
  ["cluster: { redis: 5 }", '"redis" must be text'],
];

/** The same of a listener and of a route. */
const NEEDED_OF_LISTENERS: typeof NEEDED = [
  ["proxy_protocol: {}", '"from" is missing'],
  ["proxy_protocol: { from: [x] }", "not an address range"],
  ["redirect: http, except: [/a]", '"redirect" must be "https"'],
  ["mode: tpc, alpn: [a]", '"mode" must be "http" or "tcp"'],
];
const NEEDED_OF_ROUTES: typeof NEEDED = [
  ["redirect: { to: x }", "a redirect leads to a URL"],
  ['redirect: { to: "https://?{path}" }', "a redirect leads to a URL"],
  ['redirect: { to: "https://:443{path}" }', "a redirect leads to a URL"],
  ['redirect: { to: "https://{path}" }', "{path} is not always a host"],
  ['redirect: { to: "https://{sni}{path}" }', "{sni} is not always a host"],
  ["redirect: https://a.test", '"redirect" must be a map of keys'],
  ["respond: hello", '"respond" must be a map of keys'],
  ["respond: { body: a, file: b }", "a body or a file, not both"],
  ["backend: a, rate_limit: { requests: 5 }", '"requests" must be text'],
  ['redirect: { to: "https://a.test$request_uri" }', '"$request_uri" is no variable here'],
  ['redirect: { to: "https://$host/" }', '"$host" is no variable here'],
  ["backend: a, basic_auth: { realm: a }", '"file" is missing'],
  ["backend: a, response_headers: { set: { X: 5 } }", '"X" must be text: put it into quotes'],
  ["backend: a, request_headers: { add: { X: {client} } }", '"X" must be text: put it into quotes'],
  ["backend: a, request_headers: { add: { X: true } }", '"X" must be text: put it into quotes'],
  ["backend: a, request_headers: { add: { X: [] } }", '"X" must be text, such as {client}'],
];

/** The same of what a test expects, which could do without each of them. */
const NEEDED_OF_TESTS: typeof NEEDED = [
  ['status: "404"', '"status" must be a number'],
  ["status: 42", '"status" must be at least 100'],
  ["header: { X: 5 }", '"X" must be text'],
];

Deno.test("parseConfig() reports a mistake once, and those behind it, whatever cannot do without", () => {
  const CASES: typeof NEEDED = [
    ...NEEDED.map(([fragment, message]) => [ok(fragment), message] as const),
    ...NEEDED_OF_LISTENERS.map(([keys, message]) =>
      [`listeners: [{ listen: ":1", ${keys} }]`, message] as const
    ),
    ...NEEDED_OF_ROUTES.map(([keys, message]) =>
      [ok(`routes: [{ hosts: [a], ${keys} }]`), message] as const
    ),
  ].map(([text, message]) => [`${text}\ntests: [{ expect: { backend: b } }]`, message] as const);
  const OF_TESTS = NEEDED_OF_TESTS.map(([keys, message]) =>
    [ok(`tests: [{ host: a, expect: { ${keys} } }]`), message] as const
  );
  for (const [text, message] of [...CASES, ...OF_TESTS]) {
    const file = parseConfig({ path: "p.yaml", text });
    const [problem, ...more] = file.problems;
    assert.ok(problem?.message.startsWith(message), `${text}: ${problem?.message}`);
    assert.deepEqual(more, [], text);
    assert.notEqual(file.draft, undefined, text);
  }
});

Deno.test("formatProblem() puts a caret under the place", () => {
  const source = { path: "p.yaml", text: "a: 1\n\tb: 2\n" };
  const problem = { severity: "warning", place: { line: 2, column: 2 }, message: "no" } as const;
  assert.equal(
    formatProblem(problem, source, { caret: true }),
    "p.yaml:2:2: warning: no\n    \tb: 2\n    \t^",
  );
});

Deno.test("parseConfig() tells thousands of mistakes in seconds", () => {
  const backends = Array.from(
    { length: 4_000 },
    (_, at) => `  b${at}: { servers: [a:1], balanc: x }`,
  );
  const begun = performance.now();
  const { problems } = parseConfig({
    path: "p.yaml",
    text: ok(`backends:\n${backends.join("\n")}`),
  });
  assert.equal(problems.length, backends.length);
  assert.deepEqual(problems.at(-1)?.place, { line: 4_002, column: 28 });
  assert.ok(performance.now() - begun < 20_000);
});

/** Ten of ten of ten, and so on: a million values from two hundred bytes. */
function manyAliases(): string {
  const names = ["a", "b", "c", "d", "e", "f"];
  return names.map((name, index) => {
    const inside = index === 0 ? "x" : `*${names[index - 1]}`;
    return `${name}: &${name} [${Array(10).fill(inside).join(", ")}]`;
  }).join("\n");
}
