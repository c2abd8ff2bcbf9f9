import assert from "node:assert/strict";
import { parseConfig } from "./parse.ts";
import { verifyConfig } from "./verify.ts";

const BASE = {
  listeners: `[{ listen: ":1" }]`,
  certificates: "[{ cert: a, key: b }]",
  backends: "{ api: { servers: ['h:1'] } }",
  routes: "[{ backend: api }]",
};

const ACME = { certificates: "[{ acme: [a.test] }]", acme: "{ accept_terms: true }" };

const CASES: readonly (readonly [change: Record<string, string>, findings: readonly string[]])[] = [
  [{}, []],
  [{ routes: "[{ backend: api, compress: true }]" }, []],
  [
    { routes: "[{ paths: [/a, /b], backend: api, strip_prefix: /c }]" },
    ["warning no path of this route begins with /c"],
  ],
  [
    { routes: "[{ paths: [/ab], backend: api, strip_prefix: /a }]" },
    ["warning no path of this route begins with /a"],
  ],
  ...["/c", "/c/", "/c/d", "/"].map((prefix): [Record<string, string>, string[]] => [
    { routes: `[{ paths: [/a, /c/], backend: api, strip_prefix: ${prefix} }]` },
    [],
  ]),
  [{ routes: "[{ backend: api, strip_prefix: /a }]" }, []],
  [
    {
      routes: "[{ paths: [/a], redirect: { to: /b }, strip_prefix: /a }, " +
        "{ paths: [/b], respond: {}, request_headers: { remove: [X-A] } }, { backend: api }]",
    },
    [
      'warning "strip_prefix" is for servers: it means nothing without a backend',
      'warning "request_headers" is for servers: it means nothing without a backend',
    ],
  ],
  [
    { forwarded: "{ trusted: [10.0.0.0/8, 0.0.0.0/0] }" },
    ["warning 0.0.0.0/0 lets anybody tell any address: name the proxies in front"],
  ],
  [
    { listeners: `[{ listen: ":1" }, { listen: ":1", redirect: https }]` },
    ["error another listener has 0.0.0.0:1 already"],
  ],
  [{ listeners: `[{ listen: ":0" }, { listen: ":0" }]` }, []],
  [
    { listeners: `[{ listen: "127.0.0.1:1" }, { listen: ":1" }]` },
    ["error another listener has 127.0.0.1:1 already"],
  ],
  [
    { listeners: `[{ listen: ":1", tls: { ciphers: [], groups: [] } }]` },
    ["error there are no ciphers", "error there are no groups"],
  ],
  [
    {
      listeners: `[{ listen: ":1", tls: { min_version: 1.3, ciphers: ` +
        "[TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256] } }]",
    },
    ["error none of these ciphers is one of TLS 1.3"],
  ],
  [
    {
      listeners: `[{ listen: ":1", tls: { groups: [x25519mlkem768, secp256r1mlkem768], ciphers: ` +
        "[TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256] } }]",
    },
    ["error these groups are of TLS 1.3 alone, and none of the ciphers is"],
  ],
  [
    {
      listeners: `[{ listen: ":1", tls: { groups: [x25519mlkem768, x25519], ciphers: ` +
        "[TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256] } }]",
    },
    [],
  ],
  [{ listeners: `[{ listen: ":1", tls: { groups: [x25519mlkem768] } }]` }, []],
  [
    { certificates: "[]" },
    ["error a TLS listener needs certificates, there are none"],
  ],
  [
    {
      listeners: `[{ listen: ":1", redirect: https }, { listen: ":2", tls: false }]`,
      routes: "[]",
      backends: "{}",
    },
    ["error there are no routes: nothing would be forwarded"],
  ],
  [{ listeners: `[{ listen: ":1", redirect: https }]`, routes: "[]", backends: "{}" }, []],
  [
    { routes: "[]" },
    [
      "error there are no routes: nothing would be forwarded",
      `warning no route uses the backend "api"`,
    ],
  ],
  [{ listeners: `[{ listen: ":1", redirect: https }]`, certificates: "[]" }, []],
  [
    { certificates: "[{ cert: a, key: b, default: true }, { cert: c, key: d, default: true }]" },
    ["error another certificate is the default"],
  ],
  [
    { routes: "[{ backend: apj }]" },
    [
      `error there is no backend "apj", did you mean "api"?`,
      `warning no route uses the backend "api"`,
    ],
  ],
  [
    { tests: "[{ host: a, expect: { backend: zzz } }]" },
    [`error there is no backend "zzz"`],
  ],
  [
    { routes: "[{ backend: api }, { hosts: [a], backend: api }]" },
    ["warning route 1 matches everything before this one"],
  ],
  [
    { listeners: `[{ listen: ":1", mode: tcp }]`, routes: "[{ paths: [/a], backend: api }]" },
    ["warning in tcp mode there are no paths: it never matches"],
  ],
  [
    {
      listeners: `[{ listen: ":1", mode: tcp }]`,
      routes: "[{ methods: [GET], backend: api }, { headers: { X-A: b }, backend: api }]",
    },
    [1, 2].map(() => "warning in tcp mode there are no requests: it never matches"),
  ],
  ...["redirect: { to: /b }", "respond: {}"].map((answer): [Record<string, string>, string[]] => [
    {
      listeners: `[{ listen: ":1", mode: tcp }]`,
      routes: `[{ hosts: [a], ${answer} }, { backend: api }]`,
    },
    ["warning in tcp mode nothing is answered: its connections are closed"],
  ]),
  ...["tls: false", "redirect: https, except: [/a]"].map((
    plain,
  ): [Record<string, string>, string[]] => [
    {
      listeners: `[{ listen: ":1", mode: tcp }, { listen: ":2", ${plain} }]`,
      routes: "[{ paths: [/a], backend: api }]",
    },
    [],
  ]),
  [
    {
      backends: "{ api: { servers: ['h:1'], balance: random, health: { type: http, path: /a } } }",
    },
    [],
  ],
  [
    {
      backends: "{ 8080: { servers: ['h:1'], health: { path: /a } } }",
      routes: "[{ backend: '8080' }]",
    },
    [`warning "path" means nothing for a tcp check, did you mean "type: http"?`],
  ],
  [{ ...ACME, listeners: `[{ listen: ":1", engine: deno }, { listen: ":2", tls: false }]` }, []],
  [ACME, []],
  [{ ...ACME, listeners: `[{ listen: ":1", engine: deno }]` }, [
    "error a CA is answered by a plain listener, such as one with redirect: https, or by one of " +
    "the openssl engine",
  ]],
  [
    {
      ...ACME,
      listeners: `[{ listen: ":1", engine: deno }, { listen: ":2", redirect: https }]`,
      acme: "{ accept_terms: true, challenge: tls-alpn-01 }",
    },
    ["error tls-alpn-01 is answered by a TLS listener, of the openssl engine"],
  ],
  [
    { ...ACME, acme: "{ accept_terms: true, challenge: http-01 }" },
    ["error http-01 is answered by a plain listener, such as one with redirect: https"],
  ],
  [
    { backends: "{ api: { servers: ['h:1'], health: { path: /a, body: b, rise: 1 } } }" },
    [
      `warning "path" means nothing for a tcp check, did you mean "type: http"?`,
      `warning "body" means nothing for a tcp check, did you mean "type: http"?`,
    ],
  ],
  [
    { backends: "{ api: { servers: ['h:1'], health: { type: http, path: /a, service: s } } }" },
    [`warning "service" means nothing for an http check, did you mean "type: grpc"?`],
  ],
  [
    {
      backends: "{ api: { servers: ['h:1'], protocol: h2, " +
        "health: { type: grpc, service: s, host: a, path: /a, expect: '200' } } }",
    },
    [
      `warning "path" means nothing for a grpc check, did you mean "type: http"?`,
      `warning "expect" means nothing for a grpc check, did you mean "type: http"?`,
    ],
  ],
  [
    { backends: "{ api: { servers: ['h:1', 'h:2', { address: 'h:1', weight: 2 }] } }" },
    [`warning "api" has h:1 already`],
  ],
  [
    { backends: "{ api: { servers: [{ address: 'h:1', backup: true }] } }" },
    [`warning every server of "api" is a backup, so none is`],
  ],
  [
    { backends: "{ api: { servers: [{ address: 'h:1', drain: true }] } }" },
    [`warning every server of "api" is draining: no request can be served`],
  ],
  [{ admin: "{ listen: '0.0.0.0:9900' }" }, [
    "error beyond the loopback interface admin needs a token_file",
  ]],
  [{ admin: "{ listen: '0.0.0.0:9900', token_file: t }" }, []],
  [{ admin: "{ listen: '[::1]:9900' }" }, []],
  [
    { listeners: `[{ listen: ":1", proxy_protocol: { from: [10.0.0.0/8, "::/0"] } }]` },
    ["warning ::/0 lets anybody tell any address: name the proxies in front"],
  ],
  [
    {
      routes: "[{ hosts: [a, b], passthrough: true, backend: api }, { hosts: [c], backend: api }]",
    },
    [],
  ],
  [
    { routes: "[{ hosts: [a], paths: [/x], passthrough: true, backend: api }]" },
    ["error a connection that passes through shows no path: take paths out"],
  ],
  [
    { routes: "[{ hosts: [a], passthrough: true, allow: [10.0.0.0/8], backend: api }]" },
    [`error "allow" cannot hold for a connection that passes through`],
  ],
  [
    {
      routes: "[{ hosts: [a], paths: [/x], backend: api }, " +
        "{ hosts: [b, a], passthrough: true, backend: api }]",
    },
    ["error route 1 ends the TLS of a: a name passes or does not"],
  ],
  [
    {
      routes: "[{ hosts: [b, a], passthrough: true, backend: api }, { hosts: [a], backend: api }]",
    },
    ["error route 2 ends the TLS of a: a name passes or does not"],
  ],
  [
    {
      routes: "[{ hosts: [a], passthrough: true, backend: api }]",
      backends: "{ api: { servers: ['h:1'], tls: true } }",
    },
    [`error the client's TLS is for the servers of "api", which have tls of ours`],
  ],
  [{ client_auth: "[{ hosts: [a, '*.b'], ca: c }, { hosts: [b], ca: c }, { ca: c }]" }, []],
  [
    { client_auth: "[{ hosts: [a, '*.b'], ca: c }, { hosts: ['*.b'], ca: c }]" },
    ["error another entry is for *.b already"],
  ],
  [
    { client_auth: "[{ ca: c }, { ca: d }]" },
    ["error another entry is for all other names already: say hosts"],
  ],
  [
    {
      client_auth: "[{ hosts: [a], ca: c }]",
      routes: "[{ hosts: [a], passthrough: true, backend: api }]",
    },
    ["error a passes through: its servers ask, or nobody"],
  ],
  [{ backends: "{ api: { servers: ['h:1'], tls: { name: x } } }" }, []],
  [{ backends: "{ api: { servers: ['h:1'], tls: false } }" }, []],
  [
    { backends: "{ api: { servers: ['h:1'], protocol: auto } }" },
    [`error "auto" goes by ALPN, so it takes "tls"; without, write http1 or h2`],
  ],
  [{ backends: "{ api: { servers: ['h:1'], protocol: auto, tls: true } }" }, []],
  [{ backends: "{ api: { servers: ['h:1'], protocol: h2, health: { type: grpc } } }" }, []],
  [
    { backends: "{ api: { servers: ['h:1'], protocol: h2, proxy_protocol: v2 } }" },
    ["error connections by HTTP/2 are shared by clients: they cannot tell of one address"],
  ],
  [
    { backends: "{ api: { servers: ['h:1'], health: { type: grpc } } }" },
    [`error gRPC goes by HTTP/2: it takes "protocol: h2"`],
  ],
  [
    { backends: "{ api: { servers: ['h:1'], protocol: h2, health: { type: http } } }" },
    [],
  ],
  [
    { backends: "{ api: { servers: ['h:1'], health: { type: http, method: HEAD, body: ok } } }" },
    [`error an answer to HEAD has no body: "body" takes "method: GET"`],
  ],
  [{ backends: "{ api: { servers: ['h:1'], health: { type: http, method: HEAD } } }" }, []],
  [
    { backends: "{ api: { servers: ['h:1'], tls: { ca: x, verify: false } } }" },
    [
      `warning the servers of "api" are not verified: whoever is in between can be them`,
      `warning "ca" means nothing where servers are not verified`,
    ],
  ],
  [
    { backends: "{ api: { servers: ['unix:/s'], tls: true } }" },
    ["error a socket has no host name that a certificate could be for: say tls.name"],
  ],
  [{ backends: "{ api: { servers: ['unix:/s'], tls: { name: x } } }" }, []],
];

Deno.test("verifyConfig() finds what does not fit together", () => {
  for (const [change, findings] of CASES) {
    const text = Object.entries({ ...BASE, ...change }).map(([key, value]) => `${key}: ${value}`)
      .join("\n");
    const file = parseConfig({ path: "p.yaml", text });
    assert.ok(file.config !== undefined, text);
    const found = verifyConfig(file.config, file).map(({ severity, message }) =>
      `${severity} ${message}`
    );
    assert.deepEqual(found, findings, text);
  }
});

Deno.test("verifyConfig() points at the value it speaks of", () => {
  const text = `listeners: [{ listen: ":1" }]
certificates: [{ cert: a, key: b }]
backends: { api: { servers: ['h:1'] } }
routes:
  - { hosts: [x], backend: api }
  - { hosts: [y], backend: nope }
`;
  const file = parseConfig({ path: "p.yaml", text });
  assert.ok(file.config !== undefined);
  const [problem] = verifyConfig(file.config, file);
  assert.deepEqual(problem?.place, { line: 6, column: 28 });
});
