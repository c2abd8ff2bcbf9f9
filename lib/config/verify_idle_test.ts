import assert from "node:assert/strict";
import { parseConfig } from "./parse.ts";
import { verifyConfig } from "./verify.ts";

const TLS = '{ listen: "127.0.0.1:1" }';
const TCP = '{ listen: "127.0.0.1:2", mode: tcp }';
const PLAIN = '{ listen: "127.0.0.1:3", tls: false }';
const REDIRECT = '{ listen: "127.0.0.1:4", redirect: https }';
const EXCEPT = '{ listen: "127.0.0.1:4", redirect: https, except: [/a] }';

function warningsOf(parts: { readonly [key: string]: string }): string[] {
  const base = {
    listeners: `[${TLS}]`,
    certificates: "[{ cert: a, key: b }]",
    backends: "{ a: { servers: ['h:1'] } }",
    routes: "[{ backend: a }]",
  };
  const text = Object.entries({ ...base, ...parts }).map(([key, value]) => `${key}: ${value}`)
    .join("\n");
  const file = parseConfig({ path: "p.yaml", text });
  assert.ok(file.config !== undefined, text);
  return verifyConfig(file.config, file).map(({ severity, message }) => `${severity} ${message}`);
}

const OF_BACKENDS: readonly (readonly [keys: string, found: readonly string[]])[] = [
  ["servers: ['h:1'], queue: { max: 3 }", ['"queue" means nothing where no server has']],
  ["servers: ['h:2', { address: 'h:1', max_connections: 3 }], queue: { max: 3 }", []],
  ["servers: ['h:1'], dns: { interval: 3s }", ['"dns" means nothing without dns: servers']],
  ["servers: ['h:2', 'dns:h:1'], dns: { interval: 3s }", []],
  [
    "servers: ['h:1'], proxy_protocol: v1, pool: { max_idle: 3 }",
    ['"pool" means nothing beside proxy_protocol'],
  ],
  ["servers: ['h:1'], pool: { max_idle: 3 }", []],
  ["servers: ['h:1'], balance: source_hash", []],
  [
    "servers: ['h:1'], balance: source_hash, slow_start: 3s",
    ['"slow_start" means nothing for source_hash'],
  ],
  [
    "servers: ['h:1'], ejection: { failures: 0, max_time: 3s }",
    ['"max_time" means nothing where no failures take a server out'],
  ],
  ["servers: ['h:1'], ejection: { failures: 0 }", []],
  ["servers: ['h:1'], ejection: { time: 10m }", ['"time" means nothing beyond max_time']],
  ["servers: ['h:1'], ejection: { time: 10m, max_time: 20m }", []],
  ["servers: ['h:1'], health: { type: none }", []],
  [
    "servers: ['h:1'], health: { type: none, path: /x, rise: 3 }",
    ["path", "rise"].map((key) => `"${key}" means nothing where servers are not checked`),
  ],
];

Deno.test("verifyConfig() warns of what nothing in a backend goes by", () => {
  for (const [keys, expected] of OF_BACKENDS) {
    const found = warningsOf({ backends: `{ a: { ${keys} } }` });
    assert.equal(found.length, expected.length, keys);
    for (const [index, message] of expected.entries()) {
      assert.ok(found[index]?.startsWith(`warning ${message}`), `${keys}: ${found[index]}`);
    }
  }
});

Deno.test("verifyConfig() warns of certificates that no client can show", () => {
  const asked = { client_auth: "[{ ca: c }]" };
  assert.deepEqual(warningsOf({ listeners: `[${PLAIN}, ${TLS}]`, ...asked }), []);
  assert.deepEqual(warningsOf({ listeners: `[${PLAIN}, ${REDIRECT}]`, ...asked }), [
    "warning without a listener of TLS nobody shows a certificate: these hosts get 421",
  ]);
});

Deno.test("verifyConfig() warns of what no connection passes through by", () => {
  const routes = "[{ hosts: [a], passthrough: true, backend: a }]";
  assert.deepEqual(warningsOf({ listeners: `[${PLAIN}, ${TLS}]`, routes }), []);
  assert.deepEqual(warningsOf({ listeners: `[${PLAIN}]`, routes }), [
    "warning without a listener of TLS nothing passes through: these hosts get 421",
  ]);
});

Deno.test("verifyConfig() warns of pages for what is no error of the proxy", () => {
  assert.deepEqual(warningsOf({ error_pages: "{ 404: a, 451: b, 502: c }" }), [
    "warning the proxy itself never answers 451",
  ]);
});

Deno.test("verifyConfig() warns of what would choose among lines that are left out", () => {
  const where = 'beside "access: false", which leaves the warnings alone';
  assert.deepEqual(warningsOf({ log: "{ access: false, tls: true, sample: 0.5 }" }), [
    `warning "tls" means nothing ${where}`,
    `warning "sample" means nothing ${where}`,
  ]);
  for (const log of ["{ access: false }", "{ access: false, tls: false }", "{ sample: 0.5 }"]) {
    assert.deepEqual(warningsOf({ log }), [], log);
  }
});

Deno.test("verifyConfig() warns of servers that are the proxy itself", () => {
  const servers = (...addresses: string[]) => ({
    listeners: '[{ listen: ":443" }, { listen: "10.0.0.1:80", redirect: https }]',
    backends: JSON.stringify({ a: { servers: addresses } }),
  });
  assert.deepEqual(warningsOf(servers("127.0.0.1:443", "localhost:443", "10.0.0.1:80")), [
    "warning 127.0.0.1:443 is this proxy: its requests would come back",
    "warning localhost:443 is this proxy: its requests would come back",
    "warning 10.0.0.1:80 is this proxy: its requests would come back",
  ]);
  const others = servers("127.0.0.1:444", "10.0.0.2:443", "[::1]:443", "127.0.0.1:80", "h:80");
  assert.deepEqual(warningsOf(others), []);
});

Deno.test("verifyConfig() warns of methods that are refused everywhere", () => {
  assert.deepEqual(warningsOf({ routes: "[{ methods: [GET, TRACE, CONNECT], backend: a }]" }), [
    "warning no route gets TRACE: such requests are refused with 405",
    "warning no route gets CONNECT: such requests are refused with 405",
  ]);
});

Deno.test("verifyConfig() warns of what looks at requests where there are none", () => {
  const routes = "[{ paths: [/a], methods: [GET], backend: a, compress: true }, " +
    "{ hosts: [b], redirect: { to: /c } }]";
  const found = [
    "warning in tcp mode there are no paths: it never matches",
    "warning in tcp mode there are no requests: it never matches",
    'warning in tcp mode "compress" means nothing',
    "warning in tcp mode nothing is answered: its connections are closed",
  ];
  for (const listeners of [[TCP], [TCP, REDIRECT]]) {
    assert.deepEqual(warningsOf({ listeners: `[${listeners}]`, routes }), found);
  }
  for (const listeners of [[TCP, TLS], [TCP, PLAIN], [TCP, EXCEPT]]) {
    assert.deepEqual(warningsOf({ listeners: `[${listeners}]`, routes }), [], listeners.join());
  }
});
