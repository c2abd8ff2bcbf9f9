import assert from "node:assert/strict";
import { type Authority, createTestAuthority } from "./support/authority.ts";
import { startBackend, startEcho, unusedPort } from "./support/backends.ts";
import { type CertificateFiles, testCertificates } from "./support/certificates.ts";
import { ConfigFile } from "./support/config_file.ts";
import { type ConfiguredProxy, FAST_CHECKS, startConfigured } from "./support/configured_proxy.ts";
import { eventually } from "./support/deadline.ts";
import { encodeRequest, readAnswer } from "./support/http.ts";
import { openssl } from "./support/openssl.ts";
import { printedFlags } from "./support/printed_permissions.ts";
import { httpInFolder, type RealPeer, startHaproxy, startNginx } from "./support/real_peers.ts";
import { commandHere } from "./support/command_here.ts";
import { runCommand } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";
import { type RunningTool, start } from "./support/tools.ts";

/** TLS to servers: who is believed, who is not, and what is said of it. */

const authority = await createTestAuthority();
const localhost = await authority.issue({
  subject: "/CN=server",
  names: ["localhost", "127.0.0.1"],
});

/** `openssl s_server` that answers HTTP with what it knows of the connection. */
async function startServer(
  { cert, key }: CertificateFiles,
  flags: readonly string[] = [],
): Promise<RunningTool & { readonly address: string }> {
  const port = await unusedPort();
  const server = start("openssl", [
    ...["s_server", "-accept", `127.0.0.1:${port}`, "-cert", cert, "-key", key, "-www", ...flags],
  ]);
  await eventually(async () => {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return true;
    } catch {
      return undefined;
    }
  }, "s_server to listen");
  return { ...server, address: `127.0.0.1:${port}` };
}

async function startWith(
  backend: Readonly<Record<string, unknown>>,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<ConfiguredProxy> {
  return await startConfigured({
    backends: { api: backend },
    settings: { listeners: [{ listen: "127.0.0.1:0" }], ...settings },
  });
}

async function statusOf(proxy: ConfiguredProxy): Promise<{ status: number; body: string }> {
  using client = await connectTls(proxy.port);
  await client.write(encodeRequest("/", { fields: ["Connection: close"] }));
  return await readAnswer(client);
}

/** What a server has, what is asked of it, and why it is not believed; undefined where it is. */
const TRUST: readonly [
  name: string,
  server: () => Promise<{ files: CertificateFiles; flags?: readonly string[] }>,
  tls: (authority: Authority) => unknown,
  why: RegExp | undefined,
][] = [
  ["a certificate of the CA for its address", own, ({ ca }) => ({ ca }), undefined],
  ["a certificate for tls.name", own, ({ ca }) => ({ ca, name: "localhost" }), undefined],
  [
    "TLS 1.2",
    async () => ({ ...await own(), flags: ["-tls1_2"] }),
    ({ ca }) => ({ ca }),
    undefined,
  ],
  ["anything where nothing is verified", own, () => ({ verify: false }), undefined],
  [
    "a chain with an intermediate",
    async () => {
      const below = await authority.intermediate("/CN=below");
      const files = await below.issue({ subject: "/CN=x", names: ["127.0.0.1"] });
      return { files, flags: ["-cert_chain", below.ca] };
    },
    ({ ca }) => ({ ca }),
    undefined,
  ],
  [
    "another name",
    own,
    ({ ca }) => ({ ca, name: "other.test" }),
    /is for another name than other\.test/,
  ],
  [
    "another address",
    async () => ({ files: await authority.issue({ subject: "/CN=x", names: ["127.0.0.9"] }) }),
    ({ ca }) => ({ ca }),
    /is for another name than 127\.0\.0\.1/,
  ],
  ["a CA that is not the system's", own, () => true, /is of an unknown CA/],
  [
    "another CA",
    async () => {
      const files = await authority.intermediate("/CN=stranger");
      return { ...await own(), flags: ["-chainCAfile", files.ca] };
    },
    () => ({ ca: localhost.cert.replace(/[^/]+$/, "stranger.crt") }),
    /is of an unknown CA/,
  ],
  [
    "a certificate that has expired",
    async () => ({
      files: await authority.issue({ subject: "/CN=x", names: ["127.0.0.1"], days: -1 }),
    }),
    ({ ca }) => ({ ca }),
    /its certificate has expired/,
  ],
];

function own(): Promise<{ files: CertificateFiles; flags?: readonly string[] }> {
  return Promise.resolve({ files: localhost });
}

const stranger = await createTestAuthority("/CN=stranger");
await Deno.copyFile(stranger.ca, localhost.cert.replace(/[^/]+$/, "stranger.crt"));

for (const [name, of, tls, why] of TRUST) {
  Deno.test(`a server with ${name} is ${why === undefined ? "" : "not "}believed`, async () => {
    const { files, flags } = await of();
    await using server = await startServer(files, flags);
    await using proxy = await startWith({
      servers: [server.address],
      tls: tls(authority),
      retries: 0,
    });
    const { status, body } = await statusOf(proxy);
    if (why === undefined) {
      assert.equal(status, 200);
      assert.match(body, /Ciphers supported in s_server/);
      return;
    }
    assert.equal(status, 502);
    const [line] = await proxy.log.first(/ warning request .*/);
    assert.match(line, /error=connect_failed/);
    assert.match(line, why);
    await proxy.log.first(/ warning server failed .*error=connect_failed/);
  });
}

/** nginx that answers what it knows of the connection, as JSON. */
function startTelling(
  { listen = "ssl", protocols = "TLSv1.2 TLSv1.3", more = "", keepAlive = true }: {
    listen?: string;
    protocols?: string;
    more?: string;
    keepAlive?: boolean;
  } = {},
): Promise<RealPeer> {
  return startNginx(({ port, folder }) =>
    `http { ${httpInFolder(folder)} server {
    listen 127.0.0.1:${port} ${listen};
    ssl_certificate ${localhost.cert};
    ssl_certificate_key ${localhost.key};
    ssl_protocols ${protocols};
    keepalive_timeout ${keepAlive ? 60 : 0};
    ${more}
    location / {
      default_type application/json;
      return 200 '{"connection":"$connection","resumed":"$ssl_session_reused","sni":"$ssl_server_name","client":"$ssl_client_s_dn","peer":"$proxy_protocol_addr","protocol":"$ssl_protocol","alpn":"$ssl_alpn_protocol"}';
    }
  } }`
  );
}

/** What nginx tells, of so many requests one after the other. */
async function tellings(proxy: ConfiguredProxy, count: number): Promise<Record<string, string>[]> {
  using client = await connectTls(proxy.port);
  const told: Record<string, string>[] = [];
  for (let i = 0; i < count; i++) {
    await client.write(encodeRequest("/"));
    const { status, body } = await readAnswer(client);
    assert.equal(status, 200, body);
    told.push(JSON.parse(body));
  }
  return told;
}

Deno.test("connections to servers are kept alive over TLS, with the name and ALPN sent", async () => {
  await using server = await startTelling();
  await using proxy = await startWith({
    servers: [`dns:localhost:${server.port}`],
    dns: { networks: ["127.0.0.0/8"] },
    tls: { ca: authority.ca },
  }, { workers: 1 });
  const told = await tellings(proxy, 3);
  assert.equal(new Set(told.map(({ connection }) => connection)).size, 1);
  // the servers of a name are asked by it, and their certificates are held against it
  assert.deepEqual(told.map(({ sni }) => sni), ["localhost", "localhost", "localhost"]);
  assert.equal(told[0]?.alpn, "http/1.1");
});

for (const protocol of ["TLSv1.2", "TLSv1.3"]) {
  Deno.test(`a new connection to a server resumes the session of the last (${protocol})`, async () => {
    await using server = await startTelling({
      keepAlive: false,
      protocols: protocol,
      more: "ssl_session_cache shared:s:1m;",
    });
    await using proxy = await startWith({
      servers: [`127.0.0.1:${server.port}`],
      tls: { ca: authority.ca },
    }, { workers: 1 });
    const told = await tellings(proxy, 3);
    assert.equal(new Set(told.map(({ connection }) => connection)).size, 3);
    assert.deepEqual(told.map(({ resumed }) => resumed), [".", "r", "r"]);
    assert.equal(told[0]?.protocol, protocol);
  });
}

Deno.test("a server that asks for a certificate gets ours, behind the PROXY header", async () => {
  const own = await authority.issue({ subject: "/O=Example/CN=proxy" });
  await using server = await startTelling({
    listen: "ssl proxy_protocol",
    more: `ssl_verify_client on; ssl_client_certificate ${authority.ca};`,
  });
  const tls = { ca: authority.ca, cert: own.cert, key: own.key };
  await using proxy = await startWith({
    ...{ servers: [`127.0.0.1:${server.port}`], proxy_protocol: "v2", tls },
  });
  const [told] = await tellings(proxy, 1);
  assert.equal(told?.client, "CN=proxy,O=Example");
  assert.equal(told.peer, "127.0.0.1");
});

Deno.test("the key of what servers are shown may be encrypted, and is renewed with its passphrase", async () => {
  await using server = await startTelling({
    more: `ssl_verify_client on; ssl_client_certificate ${authority.ca};`,
    keepAlive: false,
  });
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-shown-" });
  await using _folder = {
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
  const tls = {
    ca: authority.ca,
    cert: `${folder}/proxy.crt`,
    key: `${folder}/proxy.key`,
    passphrase_file: `${folder}/proxy.pass`,
  };
  /** Puts a new certificate there, whose key another passphrase opens. */
  const show = async (name: string, passphrase: string) => {
    const own = await authority.issue({ subject: `/CN=${name}` });
    await Deno.writeTextFile(tls.passphrase_file, `${passphrase}\n`);
    await openssl(
      ...["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", `pass:${passphrase}`],
      ...["-in", own.key, "-out", tls.key],
    );
    await Deno.copyFile(own.cert, tls.cert);
  };
  await show("first", "open sesame");
  const config = {
    listeners: [{ listen: `127.0.0.1:${await unusedPort()}` }],
    certificates: [(await testCertificates()).ec],
    backends: { api: { servers: [`127.0.0.1:${server.port}`], tls } },
    routes: [{ backend: "api" }],
    workers: 1,
  };
  await using file = await ConfigFile.create(JSON.stringify(config));
  // what is granted is what is read
  const granted = await printedFlags(file.path);
  await using proxy = await startConfigured(file, { granted });
  assert.deepEqual((await tellings(proxy, 1)).map(({ client }) => client), ["CN=first"]);
  await show("second", "another");
  await eventually(
    async () => (await tellings(proxy, 1))[0]?.client === "CN=second" || undefined,
    "the new certificate to be shown",
  );

  await Deno.writeTextFile(tls.passphrase_file, "wrong");
  const { tls: _, ...plain } = config.backends.api;
  const written = (passphrase?: string) =>
    file.write([
      `listeners: [{ listen: "127.0.0.1:0" }]`,
      `certificates: [${JSON.stringify(config.certificates[0])}]`,
      `backends:`,
      `  api:`,
      `    servers: ${JSON.stringify(plain.servers)}`,
      `    tls:`,
      `      cert: ${tls.cert}`,
      `      key: ${tls.key}`,
      ...(passphrase === undefined ? [] : [`      passphrase_file: ${passphrase}`]),
      `routes: [{ backend: api }]`,
    ].join("\n"));
  const cases: readonly [passphrase: string | undefined, place: string, why: RegExp][] = [
    [tls.passphrase_file, "8:12", /passphrase in .*proxy\.pass does not open .*proxy\.key/],
    [`${folder}/none`, "9:24", /Cannot read the passphrase: .*none does not exist/],
    [undefined, "8:12", /holds an encrypted key, which needs a passphrase_file/],
  ];
  for (const [passphrase, place, why] of cases) {
    await written(passphrase);
    const { code, stderr } = await commandHere(["check", "--config", file.path]);
    assert.equal(code, 1);
    assert.match(stderr, why);
    assert.ok(stderr.includes(`:${place}: `), stderr);
  }
});

Deno.test("what a server says to a certificate that is missing is in the log", async () => {
  const flags = ["-Verify", "1", "-verify_return_error", "-CAfile", authority.ca];
  await using server = await startServer(localhost, flags);
  await using proxy = await startWith({
    ...{ servers: [server.address], tls: { ca: authority.ca }, retries: 0 },
  });
  assert.equal((await statusOf(proxy)).status, 502);
  await proxy.log.first(/ warning request .*reason=".*certificate.required/);
});

Deno.test("a server that speaks plain HTTP where TLS is asked for is told as that", async () => {
  await using plain = await startBackend(async (connection) => {
    await connection.readSome();
    await connection.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  }, { brokenOff: true });
  await using proxy = await startWith({ servers: [plain.address], tls: { verify: false } });
  assert.equal((await statusOf(proxy)).status, 502);
  await proxy.log.first(/ request .* reason="Cannot connect to .*: it speaks plain HTTP, not TLS"/);
});

Deno.test("tcp mode speaks TLS to its servers, and resets who asks for one not believed", async () => {
  await using server = await startServer(localhost, []).then((www) => www);
  await using echo = await startHaproxyEcho();
  const backends = {
    good: { servers: [echo.address], tls: { ca: authority.ca } },
    bad: { servers: [server.address], tls: true, retries: 0 },
  };
  for (const [name, backend] of Object.entries(backends)) {
    await using proxy = await startConfigured({
      backends: { [name]: backend },
      settings: { listeners: [{ listen: "127.0.0.1:0", mode: "tcp" }] },
    });
    using client = await connectTls(proxy.port);
    if (name === "good") {
      await client.write("ping");
      assert.equal(await client.readText(4), "ping");
      await client.end();
      assert.equal(await client.readRest(), "");
      await proxy.log.first(/ info end .*how=done$/);
    } else {
      await client.untilGone();
      await proxy.log.first(/ warning end .*how="connect_failed: .*is of an unknown CA/);
    }
  }
});

/** HAProxy, which ends the TLS in front of a server. */
function startHaproxyFront(server: string) {
  return startHaproxy(({ port, folder }) => {
    const pem = Deno.readTextFileSync(localhost.cert) + Deno.readTextFileSync(localhost.key);
    Deno.writeTextFileSync(`${folder}/front.pem`, pem);
    return `
listen front
  bind 127.0.0.1:${port} ssl crt ${folder}/front.pem
  server s ${server}`;
  });
}

/** An echo behind HAProxy, which ends the TLS in front of it. */
async function startHaproxyEcho() {
  await using owned = new AsyncDisposableStack();
  const echo = owned.use(await startEcho());
  const front = owned.use(await startHaproxyFront(echo.address));
  const kept = owned.move();
  return {
    address: `127.0.0.1:${front.port}`,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

Deno.test("an upgraded connection goes through TLS to its server", async () => {
  await using echo = await startBackend(async (connection) => {
    await connection.readUntil("\r\n\r\n");
    await connection.write(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n",
    );
    for (let some; (some = await connection.readSome()) !== undefined;) {
      await connection.write(some);
    }
  });
  await using front = await startHaproxyFront(echo.address);
  await using proxy = await startWith({
    ...{ servers: [`127.0.0.1:${front.port}`], tls: { ca: authority.ca } },
  });
  using client = await connectTls(proxy.port);
  await client.write(encodeRequest("/", { fields: ["Connection: upgrade", "Upgrade: echo"] }));
  assert.match(await client.readUntil("\r\n\r\n"), /^HTTP\/1\.1 101 /);
  await client.write("ping");
  assert.equal(await client.readText(4), "ping");
});

for (const type of ["tcp", "http"]) {
  Deno.test(`a ${type} check takes a server out that is not believed, and says why`, async () => {
    await using server = await startTelling();
    const ca = `${authority.folder}/changing-${type}.crt`;
    await Deno.copyFile(stranger.ca, ca);
    await using proxy = await startWith({
      servers: [`127.0.0.1:${server.port}`],
      health: { type, ...FAST_CHECKS },
      tls: { ca },
    });
    await proxy.log.first(/ server down .*reason="check: .*is of an unknown CA/);
    // a CA file that is replaced is read by itself, and the server is asked anew
    await Deno.copyFile(authority.ca, ca);
    await proxy.says.first(/^tls-proxy: reloaded .*trust changed/);
    await eventually(async () => (await statusOf(proxy)).status === 200 || undefined, "an answer");
  });
}

Deno.test("verify: false is warned of at start and by check, and what does not fit is refused", async () => {
  const tls = { verify: false };
  await using proxy = await startWith({ servers: ["127.0.0.1:1"], tls });
  const warning = /the servers of "api" are not verified: whoever is in between can be them/;
  assert.match(proxy.says.text, warning);
  const { code, stdout, stderr } = await runCommand(["check", "--config", proxy.config.path]);
  assert.equal(code, 0);
  assert.match(stdout + stderr, warning);
  assert.match(stdout, /backend api: .*TLS not verified/);
});

for (const engine of ["openssl", "deno"]) {
  Deno.test(`servers are spoken TLS to with exactly the printed permissions (${engine})`, async () => {
    await using server = await startTelling();
    const own = await authority.issue({ subject: "/CN=proxy" });
    const { ec } = await testCertificates();
    await using config = await ConfigFile.create(JSON.stringify({
      listeners: [{ listen: `127.0.0.1:${await unusedPort()}`, engine }],
      certificates: [ec],
      backends: {
        api: {
          servers: [`127.0.0.1:${server.port}`],
          health: { type: "http", ...FAST_CHECKS },
          tls: { ca: authority.ca, cert: own.cert, key: own.key },
        },
      },
      routes: [{ backend: "api" }],
    }));
    const granted = await printedFlags(config.path);
    await using proxy = await startConfigured(config, { granted });
    assert.equal((await statusOf(proxy)).status, 200);
    await proxy.log.count(/ info request /, 1);
    assert.deepEqual(proxy.log.matching(/ server down /), []);
  });
}
