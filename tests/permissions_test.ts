import assert from "node:assert/strict";
import { hash } from "bcryptjs";
import { startBackend, startHttp, unusedPort } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { ConfigFile } from "./support/config_file.ts";
import { reload } from "./support/configured_proxy.ts";
import { printedFlags, printedPermissions } from "./support/printed_permissions.ts";
import { BROKEN_OFF, lastWords } from "./support/engine_looks.ts";
import { within } from "./support/deadline.ts";
import { encodeRequest, readAnswer, readRequest } from "./support/http.ts";
import { startNameServer } from "./support/name_server.ts";
import {
  ENGINES,
  NotStarted,
  type ProxyProcess,
  runCommand,
  startProxy,
  stopProxy,
} from "./support/start_proxy.ts";
import { connectNodeTls, connectTcp, connectTls } from "./support/tls_client.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const TOKEN = "0123456789abcdef0123456789abcdef";

for (const engine of ENGINES) {
  Deno.test(`a whole run asks for nothing beyond the printed permissions (${engine})`, async () => {
    // a slow machine may break a check off
    await using backend = await startHttp(undefined, { brokenOff: true });
    const [https, http, admin] = [await unusedPort(), await unusedPort(), await unusedPort()];
    const yaml = (more: string) => `
listeners:
  - { listen: "127.0.0.1:${https}", engine: ${engine} }
  - { listen: "127.0.0.1:${http}", redirect: https }
certificates: [{ cert: tls/tls.crt, key: tls/tls.key }]
backends:
  a:
    servers: ["${backend.address}", "localhost:${backend.port}"]
    health: { type: http, interval: 100ms }
routes: [{ backend: a }]
watch: { config: true }
log: { level: debug, file: proxy.log }
admin: { listen: "127.0.0.1:${admin}", token_file: token }
${more}`;
    await using config = await ConfigFile.createWithSecret(yaml(""));
    await Deno.writeTextFile(`${config.folder}/token`, `${TOKEN}\n`, { mode: 0o600 });
    const granted = await printedFlags(config.path);
    const audit = await Deno.makeTempFile({ prefix: "tls-proxy-audit-" });
    const secrets = [TOKEN, ...await secretsOf((await testCertificates()).ec.key)];
    secrets.push(...await secretsOf((await testCertificates()).rsa.key));
    {
      const env = { DENO_AUDIT_PERMISSIONS: audit };
      await using proxy = await startProxy(["--config", config.path], { granted, env });
      assert.deepEqual(proxy.says.matching(/permission/), [], "it holds what it needs, no more");
      await serves(https);
      await serves(https);
      const headers = { Authorization: `Bearer ${TOKEN}` };
      for (const path of ["/", "/status", "/metrics"]) {
        const told = await fetch(`http://127.0.0.1:${admin}${path}`, { headers });
        const text = await told.text();
        assert.equal(told.status, 200);
        for (const secret of secrets) assert.ok(!text.includes(secret));
      }

      await config.write(yaml("limits: { connections: 99 }"));
      await proxy.says.first(
        /^tls-proxy: reloaded \(changed configuration file\): limits changed, 0 connections closed$/,
      );
      await serves(https);

      await config.rotate("rsa");
      await proxy.says.first(/^tls-proxy: reloaded \(changed certificate files\): /);
      await serves(https);

      await config.write(yaml("limits: { headers: 99 }"));
      proxy.signal("SIGHUP");
      await proxy.says.first(/^tls-proxy: reloaded \((?:SIGHUP|changed configuration file)\): /);
      await config.write("listeners: 5");
      await proxy.says.first(/not reloaded/);
      await serves(https);
      assert.equal(await stopProxy(proxy), 0);
      const log = await Deno.readTextFile(`${config.folder}/proxy.log`);
      assert.match(log, / request .* status=200 /);
      for (const secret of secrets) {
        assert.ok(!proxy.says.text.includes(secret) && !log.includes(secret));
      }
    }
    const asked = await askedFor(audit);
    assert.ok(asked.some(({ permission }) => permission === "net"), "the audit was on");
    assert.deepEqual(asked.filter((ask) => !isGranted(ask, granted)), []);
    const unused = granted.flatMap(valuesOf).filter((value) => !isUsed(value, asked));
    assert.deepEqual(unused, [], "and needs each of them");
    // OpenSSL asks back which protocol it is to be, and for that the runtime wants the whole grant
    const libraries = granted.filter((flag) => flag.startsWith("--allow-ffi"));
    assert.deepEqual(
      libraries.map((flag) => flag.replace(/=.*/, "=")),
      engine === "openssl" ? ["--allow-ffi"] : ["--allow-ffi="],
    );
    await Deno.remove(audit);
  });
}

Deno.test("without ALPN OpenSSL takes its two files alone, and a process may open no others", async () => {
  const heard: string[] = [];
  await using backend = await startBackend(async (connection) => {
    await connection.write(await connection.readText(4));
    heard.push(await lastWords(connection));
  }, { brokenOff: true });
  const port = await unusedPort();
  await using config = await ConfigFile.createWithSecret(`
listeners: [{ listen: "127.0.0.1:${port}", mode: tcp, engine: openssl }]
certificates: [{ cert: tls/tls.crt, key: tls/tls.key }]
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ backend: a }]
workers: 2`);
  const granted = await printedFlags(config.path);
  const libraries = granted.filter((flag) => flag.startsWith("--allow-ffi"));
  assert.match(libraries.join(), /^--allow-ffi=\/\S+\/libcrypto\.so\.3,\/\S+\/libssl\.so\.3$/);
  await using proxy = await startProxy(["--config", config.path], { granted });
  assert.deepEqual(proxy.says.matching(/permission/), []);
  for (let number = 0; number < 4; number++) {
    const { connection: client } = await connectNodeTls(port);
    await client.write("ping");
    assert.equal(await client.readText(4), "ping");
    client.reset();
  }
  await backend.allGone();
  // the C library is reached through them: what is cut off on one side is on the other
  assert.deepEqual(heard, Array(4).fill(BROKEN_OFF));
});

Deno.test("without TLS the C library alone may be called, and who is cut off shows", async () => {
  const heard: string[] = [];
  await using backend = await startBackend(async (connection) => {
    await readRequest(connection);
    await connection.write(`HTTP/1.1 101 Switching Protocols\r\n${UPGRADE}\r\n\r\nhi`);
    heard.push(await lastWords(connection));
  }, { brokenOff: true });
  const port = await unusedPort();
  await using config = await ConfigFile.create(`
listeners: [{ listen: "127.0.0.1:${port}", tls: false }]
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ backend: a }]
workers: 2`);
  const granted = await printedFlags(config.path);
  const libraries = granted.filter((flag) => flag.startsWith("--allow-ffi"));
  assert.match(libraries.join(), /^--allow-ffi=\/[^,]+$/);
  await using proxy = await startProxy(["--config", config.path], { granted });
  assert.deepEqual(proxy.says.matching(/permission/), []);
  for (let number = 0; number < 4; number++) {
    const client = await connectTcp(port);
    await client.write(encodeRequest("/", { fields: UPGRADE.split("\r\n") }));
    await client.readUntil("\r\n\r\nhi");
    client.reset();
  }
  await backend.allGone();
  assert.deepEqual(heard, Array(4).fill(BROKEN_OFF));
});

/** Header fields that ask for another protocol, and that agree to it. */
const UPGRADE = "Connection: upgrade\r\nUpgrade: chat";

Deno.test("with the printed permissions nothing else can be reached", async () => {
  const reached: string[] = [];
  await using elsewhere = await startBackend((connection) => {
    reached.push("elsewhere");
    return connection.untilGone();
  }, { brokenOff: true });
  await using backend = await startBackend((connection) => connection.untilGone(), {
    brokenOff: true,
  });
  const listen = await unusedPort();
  await using config = await ConfigFile.createWithSecret(`
listeners: [{ listen: "127.0.0.1:${listen}" }]
certificates: [{ cert: tls/tls.crt, key: tls/tls.key }]
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ backend: a }]`);
  await Deno.writeTextFile(`${config.folder}/other.json`, "{}");
  const granted = await printedFlags(config.path);
  const probe = new URL("./support/probe.ts", import.meta.url).pathname;

  async function attempt(attempts: readonly (readonly [string, string])[]): Promise<string[]> {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-q", "--cached-only", "--frozen", ...granted, "--config", `${ROOT}/deno.json`],
        ...[probe, JSON.stringify(attempts)],
      ],
      cwd: config.folder,
      env: { SECRET: "1" },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    return JSON.parse(new TextDecoder().decode(stdout));
  }

  const allowed = [
    ["connect", backend.address],
    ["nodeConnect", backend.address],
    ["listen", `127.0.0.1:${listen}`],
    ["nodeListen", `127.0.0.1:${listen}`],
    ["read", config.path],
    ["read", `${config.folder}/tls/tls.key`],
  ] as const;
  assert.deepEqual(await attempt(allowed), allowed.map(() => "done"));

  const other = elsewhere.address;
  const refused = [
    ["connect", other],
    ["connect", `localhost:${backend.port}`],
    ["connect", "10.0.0.1:80"],
    ["nodeConnect", other],
    ["connectUnix", "/var/run/docker.sock"],
    ["listen", "127.0.0.1:0"],
    ["listen", `0.0.0.0:${listen}`],
    ["nodeListen", "127.0.0.1:0"],
    ["fetch", `http://${other}/`],
    ["websocket", `ws://${other}/`],
    ["resolve", "secret.attacker.example"],
    ["lookup", "secret.attacker.example"],
    ["importUrl", `http://${other}/a.ts`],
    ["importUrl", "https://deno.land/secret.ts"],
    ["importUrl", "npm:a-package-that-is-not-cached@1.0.0"],
    ["importUrl", "jsr:@a/package"],
    ["importUrl", "file:///etc/passwd"],
    ["importJson", `file://${config.folder}/other.json`],
    ["require", `${config.folder}/other.json`],
    ["worker", `file://${probe}`],
    ["worker", `http://${other}/a.ts`],
    ["read", "/etc/passwd"],
    ["read", "/proc/self/environ"],
    ["read", `${config.folder}/tls/../other.json`],
    ["nodeRead", "/etc/passwd"],
    ["list", config.folder],
    ["list", `${config.folder}/tls`],
    ["read", `${config.folder}/tls/..data/tls.key`],
    ["write", config.path],
    ["write", `${config.folder}/tls/new`],
    ["link", `${config.folder}/tls/new`],
    ["remove", config.path],
    ["run", "/bin/true"],
    ["nodeRun", "/bin/true"],
    ["env", "SECRET"],
    ["environment", ""],
    ["library", "/lib/x86_64-linux-gnu/libc.so.6"],
    ["system", ""],
    ["nodeSystem", ""],
    ["kill", String(Deno.pid)],
  ] as const;
  const results = await attempt(refused);
  for (const [index, [name, value]] of refused.entries()) {
    const expected = name.startsWith("env") ? /not there/ : REFUSED;
    assert.match(results[index] ?? "", expected, `${name} ${value}: ${results[index]}`);
  }
  assert.deepEqual(reached, [], "no connection came");
});

/** How the runtime says no, in its own modules, those of Node, and for modules from the network. */
const REFUSED = /NotCapable|Requires \w+ access|EPERM|ERR_ACCESS_DENIED|--cached-only/;

Deno.test("a reload that would need more is refused, and says what", async () => {
  await using backend = await startHttp();
  await using other = await startHttp();
  const port = await unusedPort();
  const yaml = (listen: number, cert: string, server: string) => `
listeners: [{ listen: "127.0.0.1:${listen}" }]
certificates: [{ cert: ${cert}, key: tls/tls.key }]
backends: { a: { servers: ["${server}"] } }
routes: [{ backend: a }]`;
  const first = yaml(port, "tls/tls.crt", backend.address);
  await using config = await ConfigFile.createWithSecret(first);
  const granted = await printedFlags(config.path);
  await using proxy = await startProxy(["--config", config.path], { granted });
  const CASES = [
    [yaml(port, "tls/tls.crt", other.address), `--allow-net=${other.address}`, "4:28"],
    [yaml(port + 1, "tls/tls.crt", backend.address), `--allow-net=127.0.0.1:${port + 1}`, "2:13"],
    [yaml(port, "/etc/other/tls.crt", backend.address), `--allow-read=/etc/other/tls.crt`, "3:24"],
  ] as const;
  for (const [index, [yaml, flag, place]] of CASES.entries()) {
    await config.write(yaml);
    proxy.signal("SIGHUP");
    await proxy.says.count(
      /^tls-proxy: not reloaded \(SIGHUP\): the old configuration goes on$/,
      index + 1,
    );
    const told = `${config.path}:${place}: this process was started without the permission ${flag}`;
    assert.ok(proxy.says.all.includes(`tls-proxy: ${told}`), `${told} in\n${proxy.says.text}`);
    await serves(port);
  }
  await config.write(first.replace("a:", "b:").replace("backend: a", "backend: b"));
  proxy.signal("SIGHUP");
  await proxy.says.first(/^tls-proxy: reloaded \(SIGHUP\): /);
  await serves(port);
});

Deno.test("a reload does not miss the folder that the process was started in", async () => {
  await using backend = await startHttp();
  await using config = await ConfigFile.createWithSecret(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [{ cert: tls/tls.crt, key: tls/tls.key }]
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ backend: a }]`);
  const granted = await printedFlags(config.path);
  const cwd = await Deno.makeTempDir({ prefix: "tls-proxy-release-" });
  await using proxy = await startProxy(["--config", config.path], { granted, cwd });
  // as a release that another has taken the place of
  await Deno.remove(cwd);
  proxy.signal("SIGHUP");
  await proxy.says.first(/^tls-proxy: reloaded \(SIGHUP\): nothing has changed$/);
  await serves(proxy.port);
});

Deno.test("the first password does not miss the folder that the process was started in", async () => {
  await using config = await ConfigFile.createWithSecret(`
listeners: [{ listen: "127.0.0.1:0", tls: false }]
routes: [{ respond: { body: in }, basic_auth: { file: users } }]`);
  await Deno.writeTextFile(`${config.folder}/users`, `u:${await hash("secret", 4)}\n`);
  const granted = await printedFlags(config.path);
  const cwd = await Deno.makeTempDir({ prefix: "tls-proxy-release-" });
  await using proxy = await startProxy(["--config", config.path], { granted, cwd });
  await Deno.remove(cwd);
  const headers = { Authorization: `Basic ${btoa("u:secret")}` };
  const answer = await fetch(`http://127.0.0.1:${proxy.port}/`, { headers });
  assert.deepEqual([answer.status, await answer.text()], [200, "in"]);
});

Deno.test("a reload that is the first to ask for passwords is refused where nobody could check them", async () => {
  const yaml = (rules: string) => `
listeners: [{ listen: "127.0.0.1:0", tls: false }]
routes: [{ respond: { body: in }${rules} }]`;
  await using config = await ConfigFile.create(yaml(""));
  await Deno.writeTextFile(`${config.folder}/users`, `u:${await hash("secret", 4)}\n`);
  const cwd = await Deno.makeTempDir({ prefix: "tls-proxy-release-" });
  await using proxy = await startProxy(["--config", config.path], { cwd });
  await Deno.remove(cwd);
  await config.write(yaml(", basic_auth: { file: users }"));
  assert.match(await reload(proxy), /^tls-proxy: not reloaded /);
  assert.match(
    proxy.says.text,
    /^tls-proxy: Cannot start a thread for passwords: .*; where the folder is gone that .*restart$/m,
  );
  const answer = await fetch(`http://127.0.0.1:${proxy.port}/`);
  assert.deepEqual([answer.status, await answer.text()], [200, "in"]);
});

Deno.test("a reload that has OpenSSL answer ALPN is refused where it may not call back", async () => {
  await using backend = await startHttp();
  const port = await unusedPort();
  const yaml = (listener: string) => `
listeners: [{ listen: "127.0.0.1:${port}", engine: openssl, ${listener} }]
certificates: [{ cert: tls/tls.crt, key: tls/tls.key }]
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ backend: a }]
workers: 2`;
  await using config = await ConfigFile.createWithSecret(yaml("mode: tcp"));
  const granted = await printedFlags(config.path);
  await using proxy = await startProxy(["--config", config.path], { granted });
  for (const [index, more] of ["mode: http", "mode: tcp, alpn: [http/1.1]"].entries()) {
    await config.write(yaml(more));
    proxy.signal("SIGHUP");
    await proxy.says.count(/^tls-proxy: not reloaded \(SIGHUP\)/, index + 1);
    await proxy.says.count(/:2:\d+: The openssl engine cannot be used: .*--allow-ffi/, index + 1);
    await serves(port);
  }
});

Deno.test("the proxy does not start where it lacks a permission, and tells where it holds more", async () => {
  await using backend = await startHttp();
  const port = await unusedPort();
  await using config = await ConfigFile.createWithSecret(`
listeners: [{ listen: "127.0.0.1:${port}" }]
certificates: [{ cert: tls/tls.crt, key: tls/tls.key }]
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ backend: a }]`);
  const flags = ["--config", config.path];
  const granted = await printedFlags(config.path);
  const less = granted.map((flag) =>
    flag.replace(`,${backend.address}`, "").replace(
      `${backend.address},`,
      "",
    )
  );
  const failed = await startProxy(flags, { granted: less }).catch((error) => error);
  assert.ok(failed instanceof NotStarted, String(failed));
  assert.deepEqual([failed.code, failed.says], [1, [
    `${config.path}:4:28: this process was started without the permission ` +
    `--allow-net=${backend.address}`,
    `tls-proxy: ${config.path} has 1 error`,
  ]]);

  await using bare = await startProxy(flags);
  await bare.says.first(
    /^tls-proxy: warning: this process holds more permissions than .*: --allow-net --allow-read; deno task proxy:prod /,
  );
  assert.equal(await stopProxy(bare), 0);
  await using exact = await startProxy(flags, { granted });
  assert.deepEqual(exact.says.matching(/permission/), []);
});

Deno.test("a file that may not be written is told with its key and the way out", async () => {
  await using config = await ConfigFile.createWithSecret(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [{ cert: tls/tls.crt, key: tls/tls.key }]
backends:
  a: { servers: ["127.0.0.1:1", "unix:/run/none/app.sock"] }
routes: [{ backend: a }]
log: { file: proxy.log }`);
  const failed = await startProxy(["--config", config.path]).catch((error) => error);
  assert.ok(failed instanceof NotStarted, String(failed));
  const line = (place: string, path: string) =>
    `${config.path}:${place}: this process was started without the permission ` +
    `--allow-write=${path}; deno task proxy:prod --config ${config.path} grants exactly what it needs`;
  assert.deepEqual([failed.code, failed.says], [1, [
    line("5:33", "/run/none/app.sock"),
    line("7:14", `${config.folder}/proxy.log`),
    `tls-proxy: ${config.path} has 2 errors`,
  ]]);
});

Deno.test("a socket that flags name is refused at start where it may not be reached", async () => {
  const backend = "unix:/run/none/app.sock";
  const { code, stdout, stderr } = await runCommand([
    "--listen",
    "127.0.0.1:0",
    "--backend",
    backend,
  ]);
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(
    stderr,
    /^tls-proxy: unix:\/run\/none\/app\.sock takes the permissions .* proxy:prod .*\n$/,
  );
});

Deno.test("the commands that are told can be typed, whatever the file is called", async () => {
  await using config = await ConfigFile.createWithSecret(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [{ cert: tls/tls.crt, key: tls/tls.key }]
backends: { a: { servers: ["127.0.0.1:1"] } }
routes: [{ backend: a }]`);
  const path = `${config.folder}/my proxy.yaml`;
  const command = `deno task proxy:prod --config '${path}' grants exactly`;
  await Deno.copyFile(config.path, path);
  await using proxy = await startProxy(["--config", path]);
  assert.ok(proxy.says.text.includes(command), proxy.says.text);

  await Deno.writeTextFile(path, `${await Deno.readTextFile(path)}\nlog: { file: proxy.log }\n`);
  const failed = await startProxy(["--config", path]).catch((error) => error);
  assert.ok(failed instanceof NotStarted, String(failed));
  assert.ok(failed.says[0]?.includes(command), failed.message);
});

Deno.test("servers of a name are reached with the printed permissions, in a range and in any", async () => {
  await using backend = await startHttp();
  await using names = await startNameServer({ a: ["127.0.0.1"], aaaa: ["::1"] });
  for (const networks of ["[127.0.0.0/8, 10.1.2.3/16, 192.0.2.1]", "[]"]) {
    await using config = await ConfigFile.createWithSecret(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [{ cert: tls/tls.crt, key: tls/tls.key }]
backends:
  a:
    servers: ["dns:api.test:${backend.port}"]
    dns: { server: "${names.address}", networks: ${networks} }
routes: [{ backend: a }]`);
    const granted = await printedFlags(config.path);
    await using proxy = await startProxy(["--config", config.path], { granted });
    assert.deepEqual(proxy.says.matching(/permission/), []);
    await serves(proxy.port);
    await serves(proxy.port);
    // there are no ranges of IPv6: what is not permitted is no server
    await proxy.log.first(/ servers resolved .* added=127\.0\.0\.1:\d+ /);
    assert.deepEqual(proxy.log.matching(/ server failed /), []);
    proxy.signal("SIGHUP");
    await proxy.says.first(/^tls-proxy: reloaded \(SIGHUP\): nothing has changed$/);
  }
});

Deno.test("a range of IPv6 takes a process that may connect to everything", async () => {
  await using backend = await startHttp();
  await using names = await startNameServer({ a: ["127.0.0.1"], aaaa: [] });
  await using config = await ConfigFile.createWithSecret(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [{ cert: tls/tls.crt, key: tls/tls.key }]
backends:
  a:
    servers: ["dns:api.test:${backend.port}"]
    dns: { server: "${names.address}", networks: [127.0.0.0/8, "fd00::/8"] }
routes: [{ backend: a }]`);
  await assert.rejects(printedPermissions(config.path), /fd00::\/8 cannot be granted: /);
  await using proxy = await startProxy(["--config", config.path]);
  await serves(proxy.port);
});

Deno.test("with the printed permissions for systemd the proxy says when it is ready", async () => {
  await using service = await startService();
  const { manager, run } = service;
  await using proxy = await service.start();
  assert.equal(await received(manager), "READY=1");
  const code = stopProxy(proxy);
  assert.equal(await received(manager), "STOPPING=1");
  assert.equal(await code, 0);
  assert.deepEqual(proxy.says.matching(/Cannot|permission/), []);
  assert.deepEqual([...Deno.readDirSync(run)], [], "nothing is left behind");
});

Deno.test("a service manager that does not read keeps neither a reload nor a stop waiting", async () => {
  await using service = await startService();
  const { manager, path } = service;
  const limit = new Deno.Command("cat", { args: ["/proc/sys/net/unix/max_dgram_qlen"] });
  const room = Number(new TextDecoder().decode((await limit.output()).stdout));
  const full = Promise.withResolvers<void>();
  let taken = 0;
  // what waits to be read counts towards what each may send
  const senders = Array.from({ length: 1 + Math.ceil(room / WORDS) }, async (_, index) => {
    const socket = Deno.listenDatagram({ transport: "unixpacket", path: `${path}-${index}` });
    for (let count = 0; count < WORDS; count++) {
      await socket.send(new TextEncoder().encode("STATUS=busy"), { transport: "unixpacket", path });
      if (++taken === room) full.resolve();
    }
    socket.close();
  });
  const sent = Promise.all(senders);
  // a test that fails closes the manager's socket under them
  sent.catch(() => {});
  await within(full.promise, "the manager's queue to be full");
  await using proxy = await service.start();
  await proxy.says.first(/^tls-proxy: process \d+: /);
  proxy.signal("SIGHUP");
  await proxy.says.first(/^tls-proxy: reloaded \(SIGHUP\): /);
  assert.equal(await stopProxy(proxy), 0);
  for (let left = WORDS * senders.length; left > 0; left--) await received(manager);
  await sent;
});

/** What each of those sends that keep a service manager busy. */
const WORDS = 64;

interface ServiceManager extends AsyncDisposable {
  readonly manager: Deno.DatagramConn;
  /** Where it listens. */
  readonly path: string;
  /** The folder that it gives the service. */
  readonly run: string;
  /** Starts the proxy as the printed drop-in says. */
  start(): Promise<ProxyProcess>;
}

async function startService(): Promise<ServiceManager> {
  await using made = new AsyncDisposableStack();
  const backend = made.use(await startHttp());
  const config = made.use(
    await ConfigFile.createWithSecret(`
listeners: [{ listen: "127.0.0.1:${await unusedPort()}" }]
certificates: [{ cert: tls/tls.crt, key: tls/tls.key }]
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ backend: a }]`),
  );
  const dropIn = await printedPermissions(config.path, "--systemd");
  const [, command = ""] = /^ExecStart=(.+)$/m.exec(dropIn) ?? [];
  // the paths of this test in the place of the unit's
  const granted = command.split(" ").filter((word) =>
    /^--(?:allow|no-prompt|deny|ignore)/.test(word)
  )
    .map((flag) => flag.replaceAll("/run/systemd/", `${config.folder}/systemd-`))
    .map((flag) => flag.replaceAll("/run/tls-proxy/", `${config.folder}/run/`));
  const run = `${config.folder}/run`;
  await Deno.mkdir(run);
  const path = `${config.folder}/systemd-notify`;
  const manager = Deno.listenDatagram({ transport: "unixpacket", path });
  made.defer(() => manager.close());
  const env = { NOTIFY_SOCKET: path, RUNTIME_DIRECTORY: run };
  const parts = made.move();
  return {
    ...{ manager, path, run },
    start: () => startProxy(["--config", config.path], { granted, env }),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

async function received(socket: Deno.DatagramConn): Promise<string> {
  const [bytes] = await within(socket.receive(), "a word to the service manager");
  return new TextDecoder().decode(bytes);
}

async function serves(port: number): Promise<void> {
  using client = await connectTls(port);
  await client.write(encodeRequest("/"));
  assert.equal((await readAnswer(client)).status, 200);
}

/** The lines of a key that no output may hold. */
async function secretsOf(path: string): Promise<string[]> {
  const lines = (await Deno.readTextFile(path)).split("\n");
  const secrets = lines.filter((line) => line.length > 20 && !line.startsWith("-"));
  assert.ok(secrets.length > 0);
  return secrets.map((line) => line.slice(0, 24));
}

interface Ask {
  readonly permission: string;
  /** Null for all of a kind. */
  readonly value: string | null;
}

async function askedFor(audit: string): Promise<Ask[]> {
  const lines = (await Deno.readTextFile(audit)).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line));
}

function isGranted({ permission, value }: Ask, granted: readonly string[]): boolean {
  // what is read of the environment is not there, whatever it is
  if (permission === "env") return granted.includes("--ignore-env");
  if (granted.includes(`--allow-${permission}`)) return true;
  if (value === null) return false;
  const values = granted.filter((flag) => flag.startsWith(`--allow-${permission}=`))
    .flatMap(valuesOf);
  if (permission !== "read") return values.includes(value);
  return values.some((path) => value === path || value.startsWith(`${path}/`));
}

function isUsed(granted: string, asked: readonly Ask[]): boolean {
  return asked.some(({ value }) => value === granted || value?.startsWith(`${granted}/`));
}

function valuesOf(flag: string): string[] {
  return /^--allow-\w+=(.*)$/.exec(flag)?.[1]?.split(",") ?? [];
}
