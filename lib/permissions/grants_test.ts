import assert from "node:assert/strict";
import * as fc from "fast-check";
import { parseConfig } from "../config/parse.ts";
import type { Config } from "../config/config.ts";
import { permissionFlags, permissionSet, shellLine } from "./flags.ts";
import { type Grants, grantsFor, keyNeeding, type Surroundings } from "./grants.ts";
import { SERVICE_SOCKETS } from "./systemd.ts";

const SURROUNDINGS: Surroundings = {
  configFile: "/etc/proxy/proxy.yaml",
  cwd: "/srv",
  libraries: [],
  program: [],
  notify: undefined,
};

const NOTHING: Grants = { net: [], read: [], write: [], env: [], ffi: [] };

/** What each adds to a configuration, and the grants; to read the file itself, unless told. */
const CASES: readonly [
  what: string,
  yaml: string,
  surroundings: Partial<Surroundings>,
  grants: Partial<Grants>,
][] = [
  ["a listener", "listeners: [{ listen: '0.0.0.0:8443' }]", {}, { net: ["0.0.0.0:8443"] }],
  ["all interfaces", "listeners: [{ listen: ':443' }]", {}, { net: ["0.0.0.0:443"] }],
  ["an IPv6 listener", "listeners: [{ listen: '[::]:443' }]", {}, { net: ["[::]:443"] }],
  ["a redirect", "listeners: [{ listen: '[::1]:80', redirect: https }]", {}, {
    net: ["[::1]:80"],
  }],
  ["a port of the system's choice", "listeners: [{ listen: '127.0.0.1:0' }]", {}, {
    net: ["127.0.0.1"],
  }],
  ["the same over IPv6", "listeners: [{ listen: '[::1]:0' }]", {}, { net: ["[::1]"] }],
  ["a name, whichever address it has", "listeners: [{ listen: 'localhost:443' }]", {}, {
    net: ["localhost:443"],
  }],
  [
    "servers, each once",
    "backends: { a: { servers: ['10.0.0.1:80', 'app.internal:80'] }, " +
    "b: { servers: ['[fd00::1]:80', { address: '10.0.0.1:80', backup: true }] } }",
    {},
    { net: ["10.0.0.1:80", "[fd00::1]:80", "app.internal:80"] },
  ],
  ["the admin page", "admin: { listen: '127.0.0.1:9900' }", {}, { net: ["127.0.0.1:9900"] }],
  ["the token of the admin page", "admin: { token_file: token }", {}, {
    net: ["127.0.0.1:9900"],
    read: ["/etc/proxy/proxy.yaml", "/etc/proxy/token"],
  }],
  [
    "whom to trust, each file by its name",
    "client_auth: [{ ca: ca.pem, crl: /run/ca.crl }]\n" +
    "backends: { a: { servers: ['10.0.0.1:443'], tls: { ca: b.pem, cert: c.crt, key: c.key } } }",
    {},
    {
      net: ["10.0.0.1:443"],
      read: [
        ...["/etc/proxy/b.pem", "/etc/proxy/c.crt", "/etc/proxy/c.key", "/etc/proxy/ca.pem"],
        ...["/etc/proxy/proxy.yaml", "/run/ca.crl"],
      ],
    },
  ],
  ["a log file", "log: { file: /var/log/proxy/access.log }", {}, {
    write: ["/var/log/proxy/access.log"],
  }],
  [
    "certificates, each by its name",
    "certificates: [{ cert: tls/a.crt, key: tls/a.key, passphrase_file: /run/pass }]",
    {},
    {
      read: [
        "/etc/proxy/proxy.yaml",
        "/etc/proxy/tls/a.crt",
        "/etc/proxy/tls/a.key",
        "/run/pass",
      ],
    },
  ],
  ["certificates at the root", "certificates: [{ cert: /a.crt, key: /a.key }]", {}, {
    read: ["/a.crt", "/a.key", "/etc/proxy/proxy.yaml"],
  }],
  [
    "certificates that are not watched",
    "certificates: [{ cert: ../tls/a.crt, key: /k/./a.key }]\nwatch: { certificates: false }",
    {},
    { read: ["/etc/proxy/proxy.yaml", "/etc/tls/a.crt", "/k/a.key"] },
  ],
  ["a watched configuration", "watch: { config: true }", {}, {}],
  [
    "relative paths",
    "certificates: [{ cert: a.crt, key: a.key }]\nwatch: { certificates: false }",
    { configFile: "proxy.yaml" },
    { read: ["/srv/a.crt", "/srv/a.key", "/srv/proxy.yaml"] },
  ],
  [
    "a relative configuration that is watched",
    "watch: { config: true }",
    { configFile: "proxy.yaml" },
    { read: ["/srv/proxy.yaml"] },
  ],
  [
    "a server in the file system",
    "backends: { a: { servers: ['unix:/run/app.sock'] } }",
    {},
    {
      net: ["unix:/run/app.sock"],
      read: ["/etc/proxy/proxy.yaml", "/run/app.sock"],
      write: ["/run/app.sock"],
    },
  ],
  [
    "all addresses of a name",
    "backends: { a: { servers: ['dns:api.internal:8001'] } }",
    {},
    { net: ["0.0.0.0/0:8001", "api.internal"] },
  ],
  [
    "those addresses of a name that lie in a range, from a certain name server",
    "backends: { a: { servers: ['dns:a.internal:8001'], " +
    "dns: { server: '127.0.0.1:8600', networks: [10.0.0.0/8, '2001:db8::1'] } } }",
    {},
    { net: ["10.0.0.0/8:8001", "127.0.0.1:8600", "[2001:db8::1]:8001"] },
  ],
  ["a CA that is asked for nothing", "acme: { accept_terms: true }", {}, {}],
  [
    "a CA",
    "certificates: [{ acme: [a.test, b.test] }]\n" +
    "acme: { accept_terms: true, directory: 'https://ca.test:14000/dir', ca_file: ca.pem }",
    {},
    {
      net: ["a.test:80", "b.test:80", "ca.test:14000"],
      read: ["/etc/proxy/acme", "/etc/proxy/ca.pem", "/etc/proxy/proxy.yaml"],
      write: ["/etc/proxy/acme"],
    },
  ],
  [
    "a CA on the port of https, and another path of the store",
    "certificates: [{ acme: [a.test] }]\n" +
    "acme: { accept_terms: true, directory: 'https://ca.test/dir', store: /var/../srv/acme }",
    {},
    {
      net: ["a.test:80", "ca.test:443"],
      read: ["/etc/proxy/proxy.yaml", "/srv/acme"],
      write: ["/srv/acme"],
    },
  ],
  [
    "what replicas share",
    "cluster: { redis: 'cache.test:6380', password_file: redis.pw, tls: true, ca_file: ca.pem }",
    {},
    {
      net: ["cache.test:6380"],
      read: ["/etc/proxy/ca.pem", "/etc/proxy/proxy.yaml", "/etc/proxy/redis.pw"],
    },
  ],
  [
    "a range that is one address",
    "backends: { a: { servers: ['dns:a.internal:80'], " +
    "dns: { networks: [10.0.0.1/32, '2001:db8::1/128', 10.1.2.3/8] } } }",
    {},
    { net: ["10.0.0.1:80", "10.1.2.3/8:80", "[2001:db8::1]:80", "a.internal"] },
  ],
  ["flags instead of a file", "", { configFile: undefined }, { read: [] }],
  ["workers, which read the program", "", { program: ["/opt/proxy/lib"] }, {
    read: ["/etc/proxy/proxy.yaml", "/opt/proxy/lib"],
  }],
  ["one worker, which has read it", "workers: 1", { program: ["/opt/proxy/lib"] }, {}],
  ["the engine that calls the C library", "", { libraries: ["/lib/libc.so.6"] }, {
    ffi: ["/lib/libc.so.6"],
  }],
  ["a library that calls back", "", { libraries: "any" }, { ffi: "any" }],
  ["a service manager", "", { notify: SERVICE_SOCKETS }, {
    net: ["unix:/run/systemd/notify", "unix:/run/tls-proxy/notify"],
    read: ["/etc/proxy/proxy.yaml", "/run/systemd/notify", "/run/tls-proxy/notify"],
    write: ["/run/systemd/notify", "/run/tls-proxy/notify"],
    env: ["NOTIFY_SOCKET", "RUNTIME_DIRECTORY"],
  }],
];

Deno.test("grantsFor() gives what each key needs, and nothing else", () => {
  for (const [what, yaml, surroundings, expected] of CASES) {
    const where = { ...SURROUNDINGS, ...surroundings };
    const read = expected.read ?? ["/etc/proxy/proxy.yaml"];
    assert.deepEqual(
      grantsFor(configOf(yaml, where.configFile), where),
      { ...NOTHING, ...expected, read },
      what,
    );
  }
});

Deno.test("grantsFor() refuses what a flag would read as something else", () => {
  const CASES: readonly [change: Partial<Config>, message: RegExp][] = [
    [certificate("/a,b.crt"), /^"\/a,b\.crt" cannot be granted: no permission can hold a comma/],
    [certificate("/a\nb.crt"), /^"\/a\\nb\.crt" cannot be granted/],
    [listening("a,b"), /^"a,b:80" cannot be granted/],
    [listening("*.internal"), /^"\*\.internal:80" is not the name of one host$/],
    [
      { backends: configOf(IN_A_RANGE).backends },
      /^2001:db8::\/32 cannot be granted: no permission can hold a range of IPv6/,
    ],
  ];
  for (const [change, message] of CASES) {
    const config = { ...configOf(""), watch: { config: false, certificates: false }, ...change };
    assert.throws(() => grantsFor(config, SURROUNDINGS), { name: "ProxyError", message });
  }
});

const IN_A_RANGE =
  "backends: { a: { servers: ['dns:a.test:80'], dns: { networks: ['2001:db8::/32'] } } }";

function certificate(cert: string): Partial<Config> {
  const rest = { passphraseFile: undefined, hosts: undefined, default: false };
  return { certificates: [{ cert, key: "/a.key", ...rest }] };
}

function listening(host: string): Partial<Config> {
  return {
    listeners: [{
      kind: "redirect",
      listen: { host, port: 80 },
      except: [],
      proxyProtocol: undefined,
    }],
  };
}

Deno.test("permissionFlags() never grants a kind as a whole", () => {
  const path = fc.stringMatching(/^[a-z/. -]{1,12}$/);
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
  const address = fc.record({ host, port: fc.nat({ max: 65535 }) });
  const config = fc.record({
    listens: fc.array(address),
    servers: fc.array(address),
    cert: path,
    key: path,
    watch: fc.record({ config: fc.boolean(), certificates: fc.boolean() }),
  });
  fc.assert(fc.property(config, ({ listens, servers, cert, key, watch }) => {
    const addresses = [...listens, ...servers];
    const grants = grantsFor({
      ...configOf(""),
      ...certificate(cert),
      watch,
      listeners: addresses.map((listen) => ({
        kind: "redirect",
        listen,
        except: [],
        proxyProtocol: undefined,
      })),
    }, { ...SURROUNDINGS, configFile: key });
    const flags = permissionFlags(grants);
    assert.deepEqual(flags.slice(0, 3), ["--no-prompt", "--deny-import", "--ignore-env"]);
    for (const flag of flags.slice(3)) {
      assert.match(flag, /^--allow-(?:net|read)=[^,]+(?:,[^,]+)*$/);
    }
    for (const value of grants.net) assert.match(value, /^(?:\[[0-9a-f:.]+\]|[^:]+)(?::\d+)?$/);
    for (const path of grants.read) assert.match(path, /^\/(?!.*(?:^|\/)\.{1,2}(?:\/|$))/);
  }));
});

Deno.test("keyNeeding() names what asks for another thread, which reads the program", () => {
  const routes = "routes: [{ respond: { status: 200 } }, " +
    "{ respond: { status: 200 }, basic_auth: { file: users } }]";
  const around = { ...SURROUNDINGS, program: ["/opt/tls-proxy/main.ts"] };
  const asks = (yaml: string, value: string) =>
    keyNeeding({ kind: "read", value }, configOf(yaml), around);
  const [program = ""] = around.program;
  assert.deepEqual(asks("workers: 2", program), ["workers"]);
  assert.deepEqual(asks(`workers: 1\n${routes}`, program), ["routes", 1, "basic_auth"]);
  assert.deepEqual(asks("workers: 2", around.configFile ?? ""), []);
});

Deno.test("shellLine() is taken apart by a shell as it was put together", async () => {
  const words = [
    "--allow-read=/a b/it's,/c",
    "--allow-net=[::1]:1,0.0.0.0:2",
    "$HOME",
    "*",
    "a\\b",
  ];
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", `printf '%s\\n' ${shellLine(words)}`],
  }).output();
  assert.deepEqual(new TextDecoder().decode(stdout).trimEnd().split("\n"), words);
});

Deno.test("permissionSet() holds the kinds that are granted", () => {
  const grants = { ...NOTHING, net: ["a:1"], read: ["/a"] };
  assert.deepEqual(permissionSet(grants), { net: ["a:1"], read: ["/a"], env: { ignore: true } });
  assert.deepEqual(permissionSet({ ...grants, env: ["A"] }), {
    net: ["a:1"],
    read: ["/a"],
    env: { allow: ["A"], ignore: true },
  });
});

/** A configuration with nothing in it but what the text says. */
function configOf(yaml: string, path = "/etc/proxy/proxy.yaml"): Config {
  const hasListeners = yaml.startsWith("listeners:");
  const text = hasListeners ? yaml : `${yaml}\nlisteners: [{ listen: ':1', redirect: https }]`;
  const { config, problems } = parseConfig({ path, text });
  assert.ok(config, JSON.stringify(problems));
  return hasListeners ? config : { ...config, listeners: [] };
}
