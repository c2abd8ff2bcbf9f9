import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";
import { ask, askOver, connectAs } from "./support/ask.ts";
import {
  startBackend,
  startEcho,
  startHeld,
  startHttp,
  startNamed,
  unusedPort,
} from "./support/backends.ts";
import {
  type CertificateFiles,
  fingerprintOf,
  issueCertificate,
  testCertificates,
} from "./support/certificates.ts";
import { certificateYaml, ConfigFile } from "./support/config_file.ts";
import { reload, RELOADED, startConfigured } from "./support/configured_proxy.ts";
import { nodeTransport, TestConnection } from "./support/connection.ts";
import { eventually, within } from "./support/deadline.ts";
import { encodeAnswer, encodeRequest, readAnswer } from "./support/http.ts";
import { Http2Client } from "./support/http2_client.ts";
import { data, opening } from "./support/http2_frames.ts";
import { startNameServer } from "./support/name_server.ts";
import { ENGINES, NotStarted } from "./support/start_proxy.ts";
import { connectTcp, connectTls, connectTlsOver, openTcp } from "./support/tls_client.ts";

const { ec, api } = await testCertificates();

interface Parts {
  readonly listeners?: readonly string[];
  readonly certificates?: readonly string[];
  /** `name: address` */
  readonly backends: Readonly<Record<string, string>>;
  readonly routes?: readonly string[];
  readonly more?: string;
}

/** A configuration; what is left out is one listener, one certificate, a route to the first backend. */
function yaml({ listeners, certificates, backends, routes, more = "" }: Parts): string {
  const [first = ""] = Object.keys(backends);
  return [
    ...list("listeners", listeners ?? [listener(0)]),
    ...list("certificates", certificates ?? [certificateYaml(ec)]),
    "backends:",
    ...Object.entries(backends).map(([name, address]) => `  ${name}: { servers: [${address}] }`),
    ...list("routes", routes ?? [`{ backend: ${first} }`]),
    more,
  ].join("\n");
}

function list(key: string, items: readonly string[]): string[] {
  return [`${key}:`, ...items.map((item) => `  - ${item}`)];
}

function listener(port: number, more = ""): string {
  return `{ listen: "127.0.0.1:${port}"${more === "" ? "" : `, ${more}`} }`;
}

/** Writes a configuration whose certificate is a pair in its own folder, `a.crt` and `a.key`. */
async function writePair(file: ConfigFile, parts: Parts): Promise<void> {
  await file.putCertificate("a", ec);
  await file.write(yaml({ certificates: ["{ cert: a.crt, key: a.key }"], ...parts }));
}

const LOCAL = { sni: "localhost" } as const;

for (const engine of ENGINES) {
  const listeners = [listener(0, `engine: ${engine}`)];

  Deno.test(`a reload changes routes and backends and tells its plan (${engine})`, async () => {
    await using one = await startNamed("one");
    await using two = await startNamed("two");
    await using file = await ConfigFile.create(yaml({ listeners, backends: { one: one.address } }));
    await using proxy = await file.start();
    assert.equal((await ask(proxy.port, LOCAL)).body, "one");
    await file.write(yaml({
      listeners,
      backends: { two: two.address },
      routes: ["{ paths: [/a], backend: two }", "{ paths: [/b], backend: two }"],
    }));
    assert.equal(
      await reload(proxy),
      "tls-proxy: reloaded (SIGHUP): 2 routes added, 1 route removed, 1 backend added, " +
        "1 backend removed and draining, 0 connections closed",
    );
    assert.equal((await ask(proxy.port, { ...LOCAL, path: "/a/b" })).body, "two");
    assert.equal((await ask(proxy.port, { ...LOCAL, path: "/c" })).status, 404);
    assert.equal(await reload(proxy), "tls-proxy: reloaded (SIGHUP): nothing has changed");
    await proxy.log.first(/ info reloaded by=SIGHUP changes="2 routes added, /);
  });

  Deno.test(`open connections go by the new routes after a reload (${engine})`, async () => {
    await using one = await startNamed("one");
    await using two = await startNamed("two");
    const backends = { one: one.address, two: two.address };
    await using file = await ConfigFile.create(yaml({ listeners, backends }));
    await using proxy = await file.start();
    const { connection } = await connectAs(proxy.port, "localhost");
    using client = connection;
    assert.equal((await askOver(client, LOCAL)).body, "one");
    await file.write(yaml({ listeners, backends, routes: ["{ backend: two }"] }));
    await reload(proxy);
    assert.equal((await askOver(client, LOCAL)).body, "two");
  });

  Deno.test(`a reload keeps the connections to servers that stay (${engine})`, async () => {
    await using kept = await startNamed("kept");
    await using other = await startNamed("other");
    // each worker has a connection of its own
    const workers = "\nworkers: 1";
    await using file = await ConfigFile.create(
      yaml({ listeners, backends: { kept: kept.address } }) + workers,
    );
    await using proxy = await file.start();
    await ask(proxy.port, LOCAL);
    await file.write(
      yaml({
        listeners,
        backends: { kept: kept.address, other: other.address },
        routes: ["{ paths: [/other], backend: other }", "{ backend: kept }"],
      }) + workers,
    );
    await reload(proxy);
    for (let i = 0; i < 3; i++) assert.equal((await ask(proxy.port, LOCAL)).body, "kept");
    assert.equal(kept.connections.length, 1);
  });

  Deno.test(`a removed backend finishes what runs on it and is let go (${engine})`, async () => {
    await using old = await startHeld("old", { holds: ({ target }) => target === "/slow" });
    await using next = await startNamed("next");
    await using file = await ConfigFile.create(yaml({ listeners, backends: { old: old.address } }));
    await using proxy = await file.start();
    const [busy, idle] = [await connectTls(proxy.port), await connectTls(proxy.port)];
    using _busy = busy;
    using _idle = idle;
    await busy.write(encodeRequest("/slow"));
    await old.asked;
    await askOver(idle, LOCAL);
    assert.equal(old.open, 2);
    await file.write(yaml({ listeners, backends: { next: next.address } }));
    assert.match(await reload(proxy), /1 backend removed and draining, /);
    await eventually(
      () => old.open === 1 || undefined,
      "the idle connection to be closed",
    );
    old.release();
    assert.equal((await readAnswer(busy)).body, "old");
    await old.allGone();
    assert.equal((await askOver(busy, LOCAL)).body, "next");
  });

  Deno.test(`tcp connections survive a reload that takes their backend away (${engine})`, async () => {
    await using echo = await startEcho();
    await using other = await startBackend((connection) => connection.write("other"));
    const tcp = [listener(0, `engine: ${engine}, mode: tcp`)];
    await using file = await ConfigFile.create(
      yaml({ listeners: tcp, backends: { echo: echo.address } }),
    );
    await using proxy = await file.start();
    using tunnel = await connectTls(proxy.port);
    await tunnel.write("before");
    assert.equal(await tunnel.readText(6), "before");
    await file.write(yaml({ listeners: tcp, backends: { other: other.address } }));
    await reload(proxy);
    await tunnel.write("after");
    assert.equal(await tunnel.readText(5), "after");
    using fresh = await connectTls(proxy.port);
    assert.equal(await fresh.readRest(), "other");
    await tunnel.end();
    assert.equal(await tunnel.readRest(), "");
  });

  Deno.test(`a new certificate takes effect by itself, old connections stay (${engine})`, async () => {
    await using backend = await startNamed("one");
    const next = await issueCertificate({ names: ["localhost"] });
    await using file = await ConfigFile.create("");
    await writePair(file, { listeners, backends: { one: backend.address } });
    await using proxy = await file.start();
    const { connection, fingerprint } = await connectAs(proxy.port, "localhost");
    using client = connection;
    assert.equal(fingerprint, await fingerprintOf(ec));
    await replace(`${file.folder}/a.crt`, next.cert);
    await replace(`${file.folder}/a.key`, next.key);
    await proxy.says.first(/^tls-proxy: reloaded \(changed certificate files\): 1 certificate /);
    assert.equal((await ask(proxy.port, LOCAL)).fingerprint, await fingerprintOf(next));
    assert.equal((await askOver(client, LOCAL)).body, "one");
  });

  Deno.test(`a pair that is replaced half waits for its other half (${engine})`, async () => {
    await using backend = await startNamed("one");
    const next = await issueCertificate({ names: ["localhost"] });
    await using file = await ConfigFile.create("");
    await writePair(file, { listeners, backends: { one: backend.address } });
    await using proxy = await file.start();
    await Deno.copyFile(next.cert, `${file.folder}/a.crt`);
    // it looks, and finds a certificate and a key that are strangers
    const problem = / certificate: the key .*a\.key does not belong to the certificate .*a\.crt$/;
    await proxy.says.first(problem);
    await proxy.says.first(/^tls-proxy: not reloaded \(changed certificate files\): /);
    assert.equal((await ask(proxy.port, LOCAL)).fingerprint, await fingerprintOf(ec));
    await Deno.copyFile(next.key, `${file.folder}/a.key`);
    await proxy.says.first(/^tls-proxy: reloaded \(changed certificate files\): 1 certificate /);
    assert.equal((await ask(proxy.port, LOCAL)).fingerprint, await fingerprintOf(next));
  });
}

Deno.test("SIGHUP waits for the key of a certificate that has just been replaced", async () => {
  await using backend = await startNamed("one");
  const next = await issueCertificate({ names: ["localhost"] });
  await using file = await ConfigFile.create("");
  await writePair(file, {
    backends: { one: backend.address },
    more: "watch: { certificates: false }",
  });
  await using proxy = await file.start();
  await Deno.copyFile(next.cert, `${file.folder}/a.crt`);
  const told = reload(proxy);
  // while it waits it serves
  assert.equal((await ask(proxy.port, LOCAL)).fingerprint, await fingerprintOf(ec));
  await Deno.copyFile(next.key, `${file.folder}/a.key`);
  assert.match(await told, /^tls-proxy: reloaded \(SIGHUP\): 1 certificate /);
  assert.equal((await ask(proxy.port, LOCAL)).fingerprint, await fingerprintOf(next));
});

Deno.test("a new certificate does not wait for a file that is not about certificates", async () => {
  await using one = await startNamed("one");
  await using file = await ConfigFile.create("");
  await file.putCertificate("tls", ec);
  await Deno.writeTextFile(`${file.folder}/token`, "0123456789abcdef");
  await file.write(yaml({
    certificates: ["{ cert: tls.crt, key: tls.key }"],
    backends: { one: one.address },
    more: `admin: { listen: "127.0.0.1:0", token_file: token }`,
  }));
  await using proxy = await file.start();
  await Deno.remove(`${file.folder}/token`);
  await file.putCertificate("tls", api);
  await proxy.says.first(
    /^tls-proxy: reloaded \(changed certificate files\): 1 certificate changed/,
  );
  assert.match(await reload(proxy), /^tls-proxy: not reloaded/);
  await proxy.says.first(/:\d+:\d+: Cannot read the token of admin: /);
});

Deno.test("certificates of a Kubernetes Secret are reloaded when its ..data link is swapped", async () => {
  await using backend = await startNamed("one");
  await using file = await ConfigFile.create("");
  const secret = `${file.folder}/secret`;
  await Deno.mkdir(secret);
  await putSecret(secret, "..1", ec);
  await Deno.symlink("..1", `${secret}/..data`);
  await Deno.symlink("..data/tls.crt", `${secret}/tls.crt`);
  await Deno.symlink("..data/tls.key", `${secret}/tls.key`);
  await file.write(yaml({
    certificates: ["{ cert: secret/tls.crt, key: secret/tls.key }"],
    backends: { one: backend.address },
  }));
  await using proxy = await file.start();
  let given = await fingerprintOf(ec);
  assert.equal((await ask(proxy.port, LOCAL)).fingerprint, given);
  // twice: a watch on the files themselves would be blind after the first
  for (const version of [2, 3]) {
    const next = await issueCertificate({ names: ["localhost"] });
    await putSecret(secret, `..${version}`, next);
    await Deno.symlink(`..${version}`, `${secret}/..data_tmp`);
    await Deno.rename(`${secret}/..data_tmp`, `${secret}/..data`);
    await Deno.remove(`${secret}/..${version - 1}`, { recursive: true });
    given = await fingerprintOf(next);
    await proxy.says.count(/^tls-proxy: reloaded \(changed certificate files\)/, version - 1);
    assert.equal((await ask(proxy.port, LOCAL)).fingerprint, given);
  }
  assert.deepEqual(proxy.says.matching(/not reloaded/), []);
});

Deno.test("certificates are reloaded when the folder they are in is itself a link that moves", async () => {
  await using backend = await startNamed("one");
  const next = await issueCertificate({ names: ["localhost"] });
  await using file = await ConfigFile.create("");
  for (const [folder, files] of [["v1", ec], ["v2", next]] as const) {
    await Deno.mkdir(`${file.folder}/${folder}`);
    await file.putCertificate(`${folder}/a`, files);
  }
  await Deno.symlink("v1", `${file.folder}/live`);
  await file.write(yaml({
    certificates: ["{ cert: live/a.crt, key: live/a.key }"],
    backends: { one: backend.address },
  }));
  await using proxy = await file.start();
  await Deno.symlink("v2", `${file.folder}/live_tmp`);
  await Deno.rename(`${file.folder}/live_tmp`, `${file.folder}/live`);
  await proxy.says.first(/^tls-proxy: reloaded \(changed certificate files\)/);
  assert.equal((await ask(proxy.port, LOCAL)).fingerprint, await fingerprintOf(next));
  // and the folder behind the link is the one that is watched now
  await file.putCertificate("v2/a", ec);
  await proxy.says.count(/^tls-proxy: reloaded \(changed certificate files\)/, 2);
});

Deno.test("the configuration file is reloaded by itself where that is asked for", async () => {
  await using one = await startNamed("one");
  await using two = await startNamed("two");
  const [first, second] = [{ one: one.address }, { two: two.address }];
  const more = "watch: { config: true }";
  await using file = await ConfigFile.create(yaml({ backends: first, more }));
  await using proxy = await file.start();
  const pattern = /^tls-proxy: reloaded \(changed configuration file\): /;
  await file.write(yaml({ backends: second, more }));
  await proxy.says.count(pattern, 1);
  assert.equal((await ask(proxy.port, LOCAL)).body, "two");
  // as editors do
  for (const [count, backends, name] of [[2, first, "one"], [3, second, "two"]] as const) {
    await Deno.writeTextFile(`${file.folder}/.proxy.yaml.swp`, yaml({ backends, more }));
    await Deno.rename(`${file.folder}/.proxy.yaml.swp`, file.path);
    await proxy.says.count(pattern, count);
    assert.equal((await ask(proxy.port, LOCAL)).body, name);
  }
  // the file itself turns it off
  await file.write(yaml({ backends: first }));
  await proxy.says.count(pattern, 4);
  await file.write(yaml({ backends: second }));
  assert.match(await reload(proxy), /\(SIGHUP\): 1 route changed, 1 backend added, /);
});

Deno.test("a configuration that is watched is taken once the files are there that it has lacked", async () => {
  await using one = await startNamed("one");
  await using two = await startNamed("two");
  const more = "watch: { config: true }";
  await using file = await ConfigFile.create(yaml({ backends: { one: one.address }, more }));
  await using proxy = await file.start();
  const certificates = ["{ cert: b.crt, key: b.key }"];
  await file.replace(yaml({ certificates, backends: { two: two.address }, more }));
  await proxy.says.first(/b\.crt does not exist/);
  await proxy.says.first(/^tls-proxy: not reloaded \(changed configuration file\): /);
  assert.equal((await ask(proxy.port, LOCAL)).body, "one");
  await file.putCertificate("b", ec);
  await proxy.says.first(
    /^tls-proxy: reloaded \(changed file of a refused configuration\): .*1 certificate added/,
  );
  assert.equal((await ask(proxy.port, LOCAL)).body, "two");
  // from then on it is one like any other
  const before = proxy.says.matching(/of a refused configuration/).length;
  await file.putCertificate("b", api);
  await proxy.says.first(/^tls-proxy: reloaded \(changed certificate files\): 1 certificate /);
  assert.equal(proxy.says.matching(/of a refused configuration/).length, before);
});

Deno.test("a request by HTTP/2 goes by what was in force when it began, to its end", async () => {
  await using one = await startHttp(({ body }) => encodeAnswer(body), { brokenOff: true });
  const make = (more: string) => yaml({ backends: { one: one.address }, more });
  const [before, after] = [
    make("timeouts: { body_idle: 20m }\nlimits: { body_rate: 0 }"),
    make("timeouts: { body_idle: 500ms }"),
  ];
  await using file = await ConfigFile.create(before);
  await using proxy = await file.start();
  const begin = async (client: Http2Client) => {
    await client.ask(1, "/", { method: "POST", fields: [["content-length", "4"]], ended: false });
    await client.send(data(1, "a", false));
  };
  using early = await Http2Client.connect(proxy.port);
  await begin(early);
  await one.accepted(1);
  await file.write(after);
  assert.match(await reload(proxy), /timeouts changed, limits changed/);
  await early.send(data(1, "b", false));
  using late = await Http2Client.connect(proxy.port);
  await begin(late);
  assert.equal((await late.answer(1)).status, 408);
  await early.send(data(1, "cd", true));
  assert.deepEqual([(await early.answer(1)).status, early.seen(1).body], [200, "abcd"]);
});

Deno.test("a reload that fails keeps the old configuration and says where it is wrong", async () => {
  await using one = await startNamed("one");
  const good = yaml({ backends: { one: one.address } });
  await using file = await ConfigFile.create(good);
  await using proxy = await file.start();
  const strangers = certificateYaml({ cert: ec.cert, key: api.key });
  const CASES: readonly (readonly [bad: string, ...lines: RegExp[]])[] = [
    ["listeners: [", /:1:13: flow sequence/],
    [
      good.replace("routes:", "rotes:").replace("servers", "severs"),
      /:6:3: |:6:10: /,
      /:7:1: unknown key "rotes", did you mean "routes"\?$/,
    ],
    [good.replace("backend: one", "backend: oen"), /:8:16: there is no backend "oen", did you/],
    [good.replace(/\{ cert:.*/, strangers), /:4:.*: Cannot read the certificate: the key .* not /],
    [
      `${good}tests:\n  - { host: localhost, path: /, expect: { status: 404 } }\n`,
      /:10:51: test failed: expected status 404, it goes to "one"$/,
    ],
  ];
  for (const [index, [bad, ...lines]] of CASES.entries()) {
    await file.write(bad);
    const before = proxy.says.all.length;
    assert.equal(
      await reload(proxy),
      "tls-proxy: not reloaded (SIGHUP): the old configuration goes on",
    );
    const told = proxy.says.all.slice(before);
    for (const line of lines) {
      assert.ok(
        told.some((text) => text.startsWith(`tls-proxy: ${file.path}:`) && line.test(text)),
        `${line} in\n${told.join("\n")}`,
      );
    }
    await proxy.log.count(/ warning reload failed by=SIGHUP problems=\d+ first=/, index + 1);
    assert.equal((await ask(proxy.port, LOCAL)).body, "one");
  }
  await Deno.remove(file.path);
  assert.match(await reload(proxy), /^tls-proxy: not reloaded/);
  await file.write(good);
  assert.equal(await reload(proxy), "tls-proxy: reloaded (SIGHUP): nothing has changed");
});

Deno.test("a reload that cannot listen takes nothing of the new configuration", async () => {
  await using one = await startNamed("one");
  await using two = await startNamed("two");
  await using taken = await startEcho();
  const [port, free] = [await unusedPort(), await unusedPort()];
  await using file = await ConfigFile.create(
    yaml({ listeners: [listener(port)], backends: { one: one.address } }),
  );
  await using proxy = await file.start();
  const [first = "", second = ""] = [listener(free), listener(taken.port)];
  await file.write(yaml({
    listeners: [listener(port), first, second],
    backends: { two: two.address },
  }));
  assert.match(await reload(proxy), /^tls-proxy: not reloaded/);
  await proxy.says.first(
    new RegExp(`^tls-proxy: Cannot listen on 127\\.0\\.0\\.1:${taken.port}: `),
  );
  assert.equal((await ask(port, LOCAL)).body, "one");
  await assert.rejects(connectTcp(free), /refused|ECONNREFUSED/);
});

Deno.test("a reload that would listen on all addresses of a port that it has on one says so", async () => {
  await using one = await startNamed("one");
  const [port, admin] = [await unusedPort(), await unusedPort()];
  await using file = await ConfigFile.create("");
  await Deno.writeTextFile(`${file.folder}/token`, "0123456789abcdef");
  const make = (host: string, adminHost: string) =>
    file.write(yaml({
      listeners: [`{ listen: "${host}:${port}" }`],
      backends: { one: one.address },
      more: `admin: { listen: "${adminHost}:${admin}", token_file: token }`,
    }));
  await make("127.0.0.1", "127.0.0.1");
  await using proxy = await file.start();
  using local = Deno.listen({ hostname: "localhost", port: 0 });
  const named = local.addr.hostname === "127.0.0.1" ? "localhost" : "[::]";
  const cases = [
    ["0.0.0.0", "127.0.0.1", port],
    ["127.0.0.1", "[::]", admin],
    [named, "127.0.0.1", port],
    ["127.0.0.1", named, admin],
  ] as const;
  for (const [host, adminHost, at] of cases) {
    await make(host, adminHost);
    assert.match(await reload(proxy), /^tls-proxy: not reloaded/);
    await proxy.says.first(RegExp(
      `^tls-proxy: Cannot listen on \\S+:${at}: this process listens on 127\\.0\\.0\\.1:${at}; ` +
        "to change the address of a port takes a restart$",
    ));
    assert.equal((await ask(port, LOCAL)).body, "one");
  }
});

Deno.test("two spellings of one address are told to be one, at start and to a reload", async () => {
  using local = Deno.listen({ hostname: "localhost", port: 0 });
  const { hostname } = local.addr;
  await using one = await startNamed("one");
  const port = await unusedPort();
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const listeners = [host, "localhost"].map((host) => `{ listen: "${host}:${port}" }`);
  const backends = { one: one.address };
  const twice = yaml({ listeners, backends });
  const message = `Cannot listen on localhost:${port}: a listener has ${host}:${port} already`;
  await assert.rejects(startConfigured(twice), (error) => {
    assert.ok(error instanceof NotStarted);
    assert.ok(error.says.some((line) => line.endsWith(message)), error.says.join("\n"));
    return true;
  });
  await using proxy = await startConfigured(yaml({ backends }));
  await proxy.config.write(twice);
  assert.match(await proxy.reload(), /^tls-proxy: not reloaded/);
  assert.ok(proxy.says.text.includes(message), proxy.says.text);
});

Deno.test("a reload that has the admin page and a listener change places says how it can be done", async () => {
  await using one = await startNamed("one");
  const [port, other] = [await unusedPort(), await unusedPort()];
  await using file = await ConfigFile.create("");
  const make = (listen: number, admin?: number) =>
    file.write(yaml({
      listeners: [listener(listen)],
      backends: { one: one.address },
      more: admin === undefined ? "" : `admin: { listen: "127.0.0.1:${admin}" }`,
    }));
  await make(port, other);
  await using proxy = await file.start();
  const refused = [
    { admin: port, at: port, has: "a listener" },
    { admin: undefined, at: other, has: "the admin page" },
  ];
  for (const { admin, at, has } of refused) {
    await make(other, admin);
    assert.match(await reload(proxy), /^tls-proxy: not reloaded/);
    await proxy.says.first(RegExp(
      `^tls-proxy: Cannot listen on 127\\.0\\.0\\.1:${at}: ${has} of this process has it, .*` +
        "reload without this first, and then with it$",
    ));
    assert.equal((await ask(port, LOCAL)).body, "one");
  }
  await make(port);
  assert.match(await reload(proxy), /^tls-proxy: reloaded/);
  await make(other);
  assert.match(await reload(proxy), /^tls-proxy: reloaded/);
  await make(other, port);
  assert.match(await reload(proxy), /^tls-proxy: reloaded/);
  assert.equal((await ask(other, LOCAL)).body, "one");
});

Deno.test("a reload adds and removes listeners, and connections of a removed one go on", async () => {
  await using one = await startNamed("one");
  const backends = { one: one.address };
  const [first, second, plain] = [await unusedPort(), await unusedPort(), await unusedPort()];
  await using file = await ConfigFile.create(yaml({ listeners: [listener(first)], backends }));
  await using proxy = await file.start();
  const { connection } = await connectAs(first, "localhost");
  using client = connection;
  await file.write(yaml({
    listeners: [listener(second), listener(plain, "redirect: https")],
    backends,
  }));
  assert.match(
    await reload(proxy),
    /: 2 listeners added, 1 listener removed, 0 connections closed$/,
  );
  assert.equal((await ask(second, LOCAL)).body, "one");
  using redirected = await connectTcp(plain);
  assert.equal((await askOver(redirected, LOCAL)).status, 308);
  await assert.rejects(connectTcp(first), /refused|ECONNREFUSED/);
  assert.equal((await askOver(client, LOCAL)).body, "one");
  await file.write(yaml({ listeners: [listener(first)], backends }));
  assert.match(
    await reload(proxy),
    /: 1 listener added, 2 listeners removed, 0 connections closed$/,
  );
  assert.equal((await ask(first, LOCAL)).body, "one");
  await assert.rejects(connectTcp(plain), /refused|ECONNREFUSED/);
});

Deno.test("a listener that changes is opened anew on its address without a gap", async () => {
  await using one = await startNamed("one");
  await using echo = await startEcho();
  const port = await unusedPort();
  const certificates = [certificateYaml(ec)];
  const make = (more: string, backend = one.address) =>
    yaml({ listeners: [listener(port, more)], certificates, backends: { one: backend } });
  await using file = await ConfigFile.create(make("engine: openssl"));
  await using proxy = await file.start();
  let asking = true;
  let asked = 0;
  const clients = Promise.all(Array.from({ length: 4 }, async () => {
    while (asking) {
      assert.equal((await ask(port, LOCAL)).body, "one");
      asked++;
    }
  }));
  // what fails meanwhile is told below, where it is awaited
  clients.catch(() => {});
  const { connection } = await connectAs(port, "localhost");
  using client = connection;
  for (
    const more of ["engine: deno", "engine: openssl, tls: { min_version: '1.3' }", "engine: deno"]
  ) {
    await file.write(make(more));
    assert.equal(
      await reload(proxy),
      "tls-proxy: reloaded (SIGHUP): 1 listener changed, 0 connections closed",
    );
  }
  await eventually(() => asked > 20 || undefined, "requests to be made");
  asking = false;
  await clients;
  assert.equal((await askOver(client, LOCAL)).body, "one");
  // the deno engine says no SNI in the log
  await proxy.log.first(/ info handshake .* sni=- /);
  await file.write(make("mode: tcp", echo.address));
  await reload(proxy);
  using raw = await connectTls(port);
  await raw.write("raw");
  assert.equal(await raw.readText(3), "raw");
});

/** A proxy with one listener, which goes where it is told to. */
async function startLeaving(engine: string) {
  const stack = new AsyncDisposableStack();
  const one = stack.use(await startNamed("one"));
  const make = (port: number) =>
    yaml({ listeners: [listener(port, `engine: ${engine}`)], backends: { one: one.address } });
  const port = await unusedPort();
  const file = stack.use(await ConfigFile.create(make(port)));
  const proxy = stack.use(await file.start());
  return {
    port,
    proxy,
    leave: async () => {
      // one that comes later is served by then, so those before were accepted
      assert.equal((await ask(port, LOCAL)).body, "one");
      await file.write(make(0));
      assert.match(await reload(proxy), /: 1 listener added, 1 listener removed, /);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

for (const [from, to] of [["openssl", "deno"], ["deno", "openssl"]] as const) {
  Deno.test(`a client amid its handshake is served when the engine changes (${from} to ${to})`, async () => {
    await using one = await startNamed("one");
    const port = await unusedPort();
    const make = (engine: string) =>
      yaml({ listeners: [listener(port, `engine: ${engine}`)], backends: { one: one.address } });
    await using file = await ConfigFile.create(make(from));
    await using proxy = await file.start();
    const raw = net.connect({ host: "127.0.0.1", port });
    await within(once(raw, "connect"), "a connection");
    // one that comes later is served by then, so this one was accepted
    assert.equal((await ask(port, LOCAL)).body, "one");
    await file.write(make(to));
    assert.match(await reload(proxy), /: 1 listener changed, /);
    const socket = tls.connect({ socket: raw, servername: "localhost", rejectUnauthorized: false });
    using client = new TestConnection(nodeTransport(socket, () => raw.resetAndDestroy()));
    await within(once(socket, "secureConnect"), "a handshake");
    assert.equal((await askOver(client, LOCAL)).body, "one");
  });

  Deno.test(`a client amid its handshake is asked to come again when its listener goes (${from})`, async () => {
    await using leaving = await startLeaving(from);
    const raw = net.connect({ host: "127.0.0.1", port: leaving.port });
    await within(once(raw, "connect"), "a connection");
    await leaving.leave();
    const ALPNProtocols = ["h2"];
    const socket = tls.connect({ socket: raw, rejectUnauthorized: false, ALPNProtocols });
    using client = new Http2Client(
      new TestConnection(nodeTransport(socket, () => raw.resetAndDestroy())),
    );
    await client.send(opening());
    await client.until(() => client.goaways.length === 2 || undefined, "two GOAWAY");
    await client.untilClosed();
  });

  Deno.test(`a client amid its handshake is served when its listener goes and the proxy stops (${from})`, async () => {
    await using leaving = await startLeaving(from);
    const { proxy } = leaving;
    const raw = await openTcp(leaving.port);
    await leaving.leave();
    proxy.signal("SIGTERM");
    await proxy.says.first(/SIGTERM: draining/);
    const { connection } = await connectTlsOver(raw);
    using client = connection;
    assert.equal((await askOver(client, LOCAL)).body, "one");
    assert.equal((await within(proxy.status, "the proxy's end")).code, 0);
  });
}

Deno.test("the deno engine gives one certificate more by name, and then one less to all", async () => {
  await using one = await startNamed("one");
  const port = await unusedPort();
  const make = (certificates: readonly CertificateFiles[]) =>
    yaml({
      listeners: [listener(port, "engine: deno")],
      certificates: certificates.map((files) => certificateYaml(files)),
      backends: { one: one.address },
    });
  await using file = await ConfigFile.create(make([ec]));
  await using proxy = await file.start();
  assert.match(proxy.says.text, /deno engine/);
  await file.write(make([ec, api]));
  await reload(proxy);
  const inForce = async (sni: string) => (await ask(port, { sni })).fingerprint;
  assert.equal(await inForce("api.example.test"), await fingerprintOf(api));
  await file.write(make([api]));
  await reload(proxy);
  // at once, not only when the old listener has gone
  assert.equal(await inForce("localhost"), await fingerprintOf(api));
});

Deno.test("two listeners that let the system choose their ports are two", async () => {
  await using one = await startNamed("one");
  await using file = await ConfigFile.create(
    yaml({ listeners: [listener(0), listener(0)], backends: { one: one.address } }),
  );
  await using proxy = await file.start();
  const lines = await proxy.says.count(/^tls-proxy: listening on /, 2);
  const ports = lines.map((line) => Number(/:(\d+): /.exec(line)?.[1]));
  assert.equal(new Set(ports).size, 2);
  await reload(proxy);
  for (const port of ports) assert.equal((await ask(port, LOCAL)).body, "one");
});

Deno.test("a reload that is not ready before the proxy is asked to stop takes nothing", async () => {
  await using names = await startNameServer({ a: "silent", aaaa: "silent" });
  await using one = await startHeld("one");
  const port = await unusedPort();
  const make = (admin: number, backends: string) => `
listeners: [${listener(0)}]
certificates: [${certificateYaml(ec)}]
backends: { one: { servers: [${one.address}] }${backends} }
routes: [{ backend: one }]
timeouts: { drain: 10m }
admin: { listen: "127.0.0.1:${admin}" }
`;
  await using file = await ConfigFile.create(make(port, ""));
  await using proxy = await file.start();
  using client = await connectTls(proxy.port);
  await client.write(encodeRequest("/"));
  await one.accepted(1);
  const dns = `{ server: "${names.address}", timeout: 20s }`;
  await file.write(make(await unusedPort(), `, two: { servers: ["dns:two.test:1"], dns: ${dns} }`));
  const reloaded = reload(proxy);
  await eventually(() => names.questions > 0 || undefined, "a question");
  proxy.signal("SIGTERM");
  await proxy.says.first(/ draining, /);
  names.answers = { a: ["127.0.0.1"], aaaa: [] };
  assert.match(await reloaded, /^tls-proxy: not reloaded/);
  await proxy.says.first(/^tls-proxy: The proxy is stopping$/);
  using admin = await connectTcp(port);
  assert.equal((await askOver(admin, LOCAL)).status, 200);
  one.release();
  assert.equal((await readAnswer(client)).body, "one");
  assert.equal((await proxy.status).code, 0);
});

Deno.test("a signal that comes amid a reload is heard after it", async () => {
  await using one = await startNamed("one");
  await using two = await startNamed("two");
  await using file = await ConfigFile.create(yaml({ backends: { one: one.address } }));
  await using proxy = await file.start();
  for (let i = 0; i < 20; i++) proxy.signal("SIGHUP");
  await file.write(yaml({ backends: { two: two.address } }));
  proxy.signal("SIGHUP");
  await proxy.says.first(/^tls-proxy: reloaded \(SIGHUP\): 1 route changed, 1 backend added, /);
  assert.equal((await ask(proxy.port, LOCAL)).body, "two");
  assert.ok(proxy.says.matching(RELOADED).length <= 21);
});

/** As tools do that care: a whole file takes the place of the old one. */
async function replace(path: string, by: string): Promise<void> {
  await Deno.copyFile(by, `${path}.new`);
  await Deno.rename(`${path}.new`, path);
}

async function putSecret(secret: string, version: string, files: CertificateFiles): Promise<void> {
  await Deno.mkdir(`${secret}/${version}`);
  await Deno.copyFile(files.cert, `${secret}/${version}/tls.crt`);
  await Deno.copyFile(files.key, `${secret}/${version}/tls.key`);
}
