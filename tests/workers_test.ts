import assert from "node:assert/strict";
import type { Status } from "../lib/metrics/status.ts";
import { libcPath } from "../lib/ports/libc.ts";
import { ask } from "./support/ask.ts";
import { startEcho, startHeld, startHttp, startNamed, unusedPort } from "./support/backends.ts";
import { fingerprintOf, testCertificates } from "./support/certificates.ts";
import { ConfigFile } from "./support/config_file.ts";
import { FAST_CHECKS, type ProxyConfig, startConfigured } from "./support/configured_proxy.ts";
import type { TestConnection } from "./support/connection.ts";
import { eventually, pause, within } from "./support/deadline.ts";
import { encodeAnswer, encodeRequest, readAnswer, valuesOf } from "./support/http.ts";
import { startNamedServer } from "./support/named_server.ts";
import { ENGINES, type ProxyProcess, stopProxy } from "./support/start_proxy.ts";
import { connectTcp, connectTls } from "./support/tls_client.ts";

const LOCAL = { sni: "localhost" } as const;
/** Enough connections that each worker has some: all at one is less than one in a billion. */
const MANY = 32;

function workers(
  count: number,
  { settings, ...config }: ProxyConfig,
  admin = { listen: "127.0.0.1:0" },
): ProxyConfig {
  return { ...config, settings: { workers: count, admin, ...settings } };
}

async function adminOf({ says }: ProxyProcess): Promise<string> {
  const [, url = ""] = await says.first(/admin page: (http:\S+)\/$/);
  return url;
}

async function statusOf(admin: string): Promise<Status> {
  return await (await fetch(`${admin}/status`)).json();
}

/** The value of a metric; all its samples together. */
async function metric(admin: string, name: string): Promise<number> {
  const text = await (await fetch(`${admin}/metrics`)).text();
  return text.split("\n")
    .filter((line) => line.startsWith(name) && /^[{ ]/.test(line.slice(name.length)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

async function connections(port: number, count: number): Promise<TestConnection[]> {
  return await Promise.all(Array.from({ length: count }, () => connectTls(port)));
}

async function askOn(client: TestConnection, path = "/"): Promise<string> {
  await client.write(encodeRequest(path));
  return (await readAnswer(client)).body;
}

for (const engine of ENGINES) {
  Deno.test(`several workers serve one port, and count and log as one (${engine})`, async () => {
    await using backend = await startNamed("app");
    await using proxy = await startConfigured(workers(3, {
      engine,
      backends: { app: backend.address },
      settings: { workers: 3, log: { format: "json" } },
    }));
    const admin = await adminOf(proxy);
    const clients = await connections(proxy.port, MANY);
    for (const client of clients) {
      for (let i = 0; i < 3; i++) assert.equal(await askOn(client), "app");
    }
    assert.deepEqual((await statusOf(admin)).workers, { running: 3, died: 0 });
    assert.equal((await statusOf(admin)).connections.open, MANY);
    assert.equal(await metric(admin, "tls_proxy_requests_total"), 3 * MANY);
    assert.equal(await metric(admin, "tls_proxy_handshakes_total"), MANY);
    assert.equal(await metric(admin, "tls_proxy_workers"), 3);
    const heap = await metric(admin, 'tls_proxy_memory_bytes{kind="heap_used"}');
    const { heapUsed } = (await statusOf(admin)).memory;
    assert.ok(heap > 1.5 * heapUsed, `the heap of ${heapUsed} bytes is one of four in ${heap}`);
    for (const client of clients) client.close();
    await eventually(
      async () => (await statusOf(admin)).connections.open === 0 || undefined,
      "the end of all connections",
    );
    assert.equal(await stopProxy(proxy), 0);
    await proxy.log.ended;
    // each line whole, whoever wrote it
    const lines = proxy.log.all.map((line) => JSON.parse(line) as { event: string });
    const count = (kind: string) => lines.filter(({ event }) => event === kind).length;
    assert.deepEqual(["request", "end"].map(count), [3 * MANY, MANY]);
    await proxy.says.first(new RegExp(`served ${MANY} connections and ${3 * MANY} requests, `));
    // a pool for each worker, and more than one of them was used
    assert.ok(backend.connections.length > 1);
  });

  Deno.test(`a limit holds for all workers together (${engine})`, async () => {
    await using backend = await startHttp();
    await using proxy = await startConfigured(workers(3, {
      engine,
      backends: { default: backend.address },
      settings: { limits: { connections: 5 } },
    }));
    const admin = await adminOf(proxy);
    const served: TestConnection[] = [];
    for (let i = 0; i < MANY; i++) {
      const client = await connectTls(proxy.port).catch(() => undefined);
      if (client === undefined) continue;
      const answer = await askOn(client).catch(() => undefined);
      if (answer === "hello") served.push(client);
      else client.close();
    }
    assert.equal(served.length, 5);
    assert.equal((await statusOf(admin)).connections.open, 5);
    served.pop()?.close();
    await eventually(
      async () => (await statusOf(admin)).connections.open === 4 || undefined,
      "a place",
    );
    using next = await connectTls(proxy.port);
    assert.equal(await askOn(next), "hello");
    for (const client of served) client.close();
  });
}

Deno.test("connections_per_ip counts the connections of all workers", async () => {
  await using backend = await startHttp();
  await using proxy = await startConfigured(workers(3, {
    backends: { default: backend.address },
    settings: { limits: { connections_per_ip: 4 } },
  }));
  const served: TestConnection[] = [];
  for (let i = 0; i < MANY; i++) {
    const client = await connectTls(proxy.port).catch(() => undefined);
    if (client !== undefined) served.push(client);
  }
  assert.equal(served.length, 4);
  for (const client of served) client.close();
});

Deno.test("max_connections holds for all workers, and who waits at one gets what another frees", async () => {
  let now = 0;
  let most = 0;
  await using backend = await startHttp(async () => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setTimeout(resolve, 10));
    now--;
    return encodeAnswer("done");
  });
  const servers = [{ address: backend.address, max_connections: 2 }];
  await using proxy = await startConfigured(workers(3, { backends: { api: { servers } } }));
  const clients = await connections(proxy.port, MANY);
  const answers = await Promise.all(clients.map(async (client) => {
    const all: string[] = [];
    for (let i = 0; i < 5; i++) all.push(await askOn(client));
    return all.join();
  }));
  assert.deepEqual(proxy.log.matching(/ status=5/), []);
  assert.deepEqual([...new Set(answers)], ["done,done,done,done,done"]);
  assert.equal(most, 2);
  for (const client of clients) client.close();
});

Deno.test("what checks find, and what is drained, holds for all workers", async () => {
  await using a = await startNamedServer("a");
  await using b = await startNamedServer("b");
  const health = { type: "http", path: "/healthz", ...FAST_CHECKS, fall: 1, rise: 1 };
  const api = { servers: [a.address, b.address], health, slow_start: "0s", retries: 0 };
  await using proxy = await startConfigured(workers(3, { backends: { api } }));
  const admin = await adminOf(proxy);
  const clients = await connections(proxy.port, MANY);
  const askedBy = async () => {
    const answers: string[] = [];
    for (const client of clients) answers.push(await askOn(client));
    return [...new Set(answers)].sort().join("");
  };
  // all workers are told at the same time, but none waits for the others
  const becomes = (servers: string) =>
    eventually(async () => await askedBy() === servers || undefined, `requests at ${servers}`);
  assert.equal(await askedBy(), "ab");

  a.well = false;
  await proxy.log.first(/ server down /);
  await becomes("b");
  assert.deepEqual(
    (await statusOf(admin)).backends[0]?.servers.map(({ state }) => state),
    ["down", "up"],
  );
  a.well = true;
  await proxy.log.first(/ server up /);
  await becomes("ab");
  // checked once, and told once, however many there are
  assert.equal(proxy.log.matching(/ server (?:down|up) /).length, 2);

  const url = `${admin}/drain/api/${b.address}`;
  assert.equal((await fetch(url, { method: "POST" })).status, 200);
  assert.equal(await askedBy(), "a");
  assert.equal((await fetch(url, { method: "DELETE" })).status, 200);
  assert.equal(await askedBy(), "ab");
  for (const client of clients) client.close();
});

Deno.test("a server that is down while it is drained is still down for a worker that comes later", async () => {
  await using a = await startNamedServer("a");
  await using b = await startNamedServer("b");
  const health = { type: "http", path: "/healthz", ...FAST_CHECKS, fall: 1, rise: 1 };
  const api = { servers: [a.address, b.address], health, slow_start: "0s", retries: 0 };
  await using proxy = await startConfigured(
    workers(2, { engine: "openssl", backends: { api } }),
    { program: "tests/support/mortal_proxy.ts" },
  );
  const admin = await adminOf(proxy);
  const url = `${admin}/drain/api/${b.address}`;
  assert.equal((await fetch(url, { method: "POST" })).status, 200);
  b.well = false;
  await proxy.log.first(/ server down /);

  await Deno.writeTextFile(`${proxy.config.folder}/death`, "worker 1");
  await proxy.log.first(/ warning worker died worker=1 /);
  await eventually(
    async () => (await statusOf(admin)).workers.running === 2 || undefined,
    "another worker",
  );
  assert.equal((await fetch(url, { method: "DELETE" })).status, 200);
  const clients = await connections(proxy.port, MANY);
  for (const client of clients) assert.equal(await askOn(client), "a");
  for (const client of clients) client.close();
});

Deno.test("a server that refuses connections is out for all workers at once", async () => {
  await using a = await startNamedServer("a");
  const b = await startNamedServer("b");
  const health = { type: "tcp", interval: "30s", fast_interval: "30s" };
  const api = { servers: [a.address, b.address], health, slow_start: "0s" };
  await using proxy = await startConfigured(workers(3, { backends: { api } }));
  await b[Symbol.asyncDispose]();
  const clients = await connections(proxy.port, MANY);
  for (const client of clients) assert.equal(await askOn(client), "a");
  // one of them has met it, and told the others
  await proxy.log.first(/ server down .*refused/);
  const [, , , , failed] = await proxy.log.count(/ request .*server=/, MANY);
  assert.ok(failed);
  assert.ok(proxy.log.matching(/ server failed /).length <= 3);
  for (const client of clients) client.close();
});

Deno.test("a server that one worker could not reach is up once another is served there", async () => {
  const port = await unusedPort();
  await using proxy = await startConfigured(JSON.stringify({
    listeners: [{ listen: "127.0.0.1:0", tls: false }],
    backends: {
      app: {
        ...{ servers: [`127.0.0.1:${port}`], retries: 0 },
        ...{ health: { type: "none" }, ejection: { failures: 0 } },
      },
    },
    routes: [{ paths: ["/app"], backend: "app" }],
    admin: { listen: "127.0.0.1:0" },
    workers: 2,
  }));
  const admin = await adminOf(proxy);
  const state = async () => (await statusOf(admin)).backends[0]?.servers[0]?.state;
  // ids begin with what is each worker's own
  const byWorker = new Map<string, TestConnection>();
  using open = new DisposableStack();
  while (byWorker.size < 2) {
    const client = open.use(await connectTcp(proxy.port));
    await client.write(encodeRequest("/"));
    const answer = await readAnswer(client);
    assert.equal(answer.status, 404);
    byWorker.set(valuesOf(answer, "X-Request-Id")[0]?.split("-")[0] ?? "", client);
  }
  const [one, other] = [...byWorker.values()] as [TestConnection, TestConnection];
  await one.write(encodeRequest("/app"));
  assert.equal((await readAnswer(one)).status, 502);
  await eventually(async () => await state() === "down" || undefined, "the failure to be known");
  await using _backend = await startNamed("app", { listen: { port } });
  await eventually(async () => {
    assert.equal(await askOn(other, "/app"), "app");
    return await state() === "unchecked" || undefined;
  }, "it to be up");
  assert.equal(await metric(admin, "tls_proxy_server_up"), 1);
});

for (const engine of ENGINES) {
  Deno.test(`a worker that dies takes its connections along, and no others (${engine})`, async () => {
    await using backend = await startNamed("app", { brokenOff: true });
    await using proxy = await startConfigured(
      workers(3, { engine, backends: { app: backend.address } }),
      { program: "tests/support/mortal_proxy.ts" },
    );
    const admin = await adminOf(proxy);
    const clients = await connections(proxy.port, MANY);
    for (const client of clients) assert.equal(await askOn(client), "app");
    const before = await metric(admin, "tls_proxy_requests_total");
    assert.equal(before, MANY);

    await Deno.writeTextFile(`${proxy.config.folder}/death`, "worker 1");
    await proxy.log.first(/ warning worker died worker=1 reason=".*it was told to die.*"/);
    const still = await Promise.all(
      clients.map(async (client) => await askOn(client).then(() => true, () => false)),
    );
    const kept = still.filter((alive) => alive).length;
    assert.ok(kept > 0 && kept < MANY, `${kept} of ${MANY} were kept`);
    await eventually(
      async () => (await statusOf(admin)).workers.running === 3 || undefined,
      "another worker",
    );
    assert.deepEqual((await statusOf(admin)).workers, { running: 3, died: 1 });
    // what it had open is open no more, what it had counted stays counted
    assert.equal((await statusOf(admin)).connections.open, kept);
    assert.equal(await metric(admin, "tls_proxy_requests_total"), before + kept);
    for (const client of clients) client.close();

    const fresh = await connections(proxy.port, MANY);
    for (const client of fresh) assert.equal(await askOn(client), "app");
    for (const client of fresh) client.close();
    assert.equal(await stopProxy(proxy), 0);
  });
}

Deno.test("the spare takes one place, and the process ends with the last worker", async () => {
  await using backend = await startNamed("app", { brokenOff: true });
  const proxy = await startConfigured(
    workers(2, { engine: "openssl", backends: { app: backend.address } }),
    { program: "tests/support/mortal_proxy.ts" },
  );
  const admin = await adminOf(proxy);
  // by the names of the threads: the spare is the third
  const kill = (name: string) => Deno.writeTextFile(`${proxy.config.folder}/death`, name);
  await kill("worker 0");
  await proxy.log.first(/ worker=0 reason=".*; the spare takes its place, and for the next /);
  await eventually(
    async () => (await statusOf(admin)).workers.running === 2 || undefined,
    "the spare to serve",
  );
  await kill("worker 1");
  await proxy.log.first(/ worker=1 reason=".*; no spare is left to take its place: restart /);
  for (let i = 0; i < MANY; i++) assert.equal((await ask(proxy.port, LOCAL)).body, "app");
  await kill("worker 2");
  await proxy.says.first(/^tls-proxy: the last worker has died, and none can take its place$/);
  assert.equal((await within(proxy.status, "the end")).code, 1);
  await proxy.config[Symbol.asyncDispose]();
});

/** Without OpenSSL a new thread takes the place of one that has died, however often. */
const ANEW = {
  program: "tests/support/mortal_proxy.ts",
  granted: [
    ...["--no-prompt", "--ignore-env", "--allow-net", "--allow-read"],
    `--allow-ffi=${libcPath()}`,
  ],
};

Deno.test("a worker that starts behind a change of the clock counts rates as the others", async () => {
  await using backend = await startNamed("app");
  await using proxy = await startConfigured(
    workers(2, {
      ...{ engine: "deno", backends: { app: backend.address } },
      settings: { routes: [{ backend: "app", rate_limit: { requests: "1/h", burst: 3 } }] },
    }),
    ANEW,
  );
  const admin = await adminOf(proxy);
  await Deno.writeTextFile(`${proxy.config.folder}/ahead`, String(3 * 3_600_000));
  await Deno.writeTextFile(`${proxy.config.folder}/death`, "worker 0");
  await proxy.log.first(/ warning worker died worker=0 /);
  await eventually(
    async () => (await statusOf(admin)).workers.running === 2 || undefined,
    "another worker",
  );
  const clients = await connections(proxy.port, MANY);
  let served = 0;
  for (const client of clients) {
    await client.write(encodeRequest("/"));
    const answer = await readAnswer(client);
    if (answer.status === 200) served++;
    // until the next of three an hour each
    else assert.ok(Number(valuesOf(answer, "retry-after")[0]) <= 3600);
    client.close();
  }
  assert.equal(served, 3);
});

Deno.test("workers that die before they serve are counted, too", async () => {
  await using backend = await startNamed("app");
  await using proxy = await startConfigured(
    workers(2, { engine: "deno", backends: { app: backend.address } }),
    ANEW,
  );
  const admin = await adminOf(proxy);
  const death = `${proxy.config.folder}/death`;
  await Deno.writeTextFile(death, "worker 0");
  // for those that have not begun yet, as well
  const tomorrow = new Date(Date.now() + 86_400_000);
  await Deno.utime(death, tomorrow, tomorrow);
  await proxy.log.count(/ warning worker died worker=0 /, 3);
  await Deno.remove(death);
  await eventually(
    async () => (await statusOf(admin)).workers.running === 2 || undefined,
    "another worker",
  );
  const told = proxy.log.matching(/ warning worker died worker=0 /).length;
  assert.equal((await statusOf(admin)).workers.died, told);
  assert.equal(await metric(admin, "tls_proxy_workers_died_total"), told);
});

Deno.test("a worker that hangs is replaced, and nobody waits for it", async () => {
  await using backend = await startNamed("app", { brokenOff: true });
  await using proxy = await startConfigured(
    workers(3, { backends: { app: backend.address } }),
    { program: "tests/support/mortal_proxy.ts" },
  );
  const admin = await adminOf(proxy);
  const told = async () => (await statusOf(admin)).workers;

  await Deno.writeTextFile(`${proxy.config.folder}/hang`, "worker 1");
  await proxy.log.first(/ warning worker died worker=1 reason="worker 1 hangs: .* 5 s/);
  // its thread still has its socket, and its connections
  for (let i = 0; i < MANY; i++) assert.equal((await ask(proxy.port, LOCAL)).body, "app");
  await eventually(async () => (await told()).running === 3 || undefined, "another worker");
  assert.deepEqual(await told(), { running: 3, died: 1 });
  assert.equal(await metric(admin, "tls_proxy_workers_died_total"), 1);
  for (let i = 0; i < MANY; i++) assert.equal((await ask(proxy.port, LOCAL)).body, "app");

  // one that hangs amid a reload is no reason against it
  await Deno.writeTextFile(`${proxy.config.folder}/hang`, "worker 2");
  assert.match(await proxy.reload(), /^tls-proxy: reloaded /);
  await proxy.log.first(/ warning worker died worker=2 /);
  assert.match(await proxy.reload(), /^tls-proxy: reloaded /);
  for (let i = 0; i < MANY; i++) assert.equal((await ask(proxy.port, LOCAL)).body, "app");

  // and one that hangs is no reason not to stop
  await Deno.writeTextFile(`${proxy.config.folder}/hang`, "worker 0");
  assert.equal(await stopProxy(proxy), 0);
});

Deno.test("a new certificate is served though a worker hangs as it is to be taken", async () => {
  await using backend = await startNamed("app", { brokenOff: true });
  const { ec, rsa } = await testCertificates();
  await using file = await ConfigFile.create("");
  await file.putCertificate("a", ec);
  await file.write(JSON.stringify({
    listeners: [{ listen: "127.0.0.1:0" }],
    certificates: [{ cert: "a.crt", key: "a.key" }],
    backends: { app: { servers: [backend.address] } },
    routes: [{ backend: "app" }],
    workers: 2,
  }));
  await using proxy = await startConfigured(file, { program: "tests/support/mortal_proxy.ts" });
  await Deno.writeTextFile(`${file.folder}/hang`, "worker 1");
  await file.putCertificate("a", rsa);
  await proxy.log.first(/ warning worker died worker=1 reason="worker 1 hangs: /);
  await proxy.says.first(/^tls-proxy: reloaded \(changed certificate files\)/);
  const wanted = await fingerprintOf(rsa);
  for (let i = 0; i < MANY; i++) {
    assert.equal((await ask(proxy.port, LOCAL)).fingerprint, wanted, proxy.says.text);
  }
});

Deno.test("workers drain together, and what they still do is finished", async () => {
  await using backend = await startHeld("late");
  await using proxy = await startConfigured(workers(3, { backends: { app: backend.address } }));
  const clients = await connections(proxy.port, MANY);
  for (const client of clients) await client.write(encodeRequest("/"));
  await backend.accepted(MANY);
  proxy.signal("SIGTERM");
  await proxy.says.first(/SIGTERM: draining/);
  await eventually(
    () => connectTcp(proxy.port).then((client) => client.close(), () => true),
    "nobody to listen",
  );
  backend.release();
  for (const client of clients) {
    assert.equal((await readAnswer(client)).body, "late");
    await client.readRest();
  }
  assert.equal((await within(proxy.status, "the end")).code, 0);
});

Deno.test("a worker that is about to take the place of one that died does not serve amid a drain", async () => {
  await using backend = await startHeld("late", { brokenOff: true });
  await using proxy = await startConfigured(
    workers(2, { engine: "deno", backends: { app: backend.address } }),
    { program: "tests/support/mortal_proxy.ts" },
  );
  const clients = await connections(proxy.port, MANY);
  for (const client of clients) await client.write(encodeRequest("/"));
  await backend.accepted(MANY);
  await Deno.writeTextFile(`${proxy.config.folder}/death`, "worker 0");
  await proxy.log.first(/ warning worker died worker=0 /);
  proxy.signal("SIGTERM");
  await proxy.says.first(/SIGTERM: draining/);
  const isOpen = () => connectTcp(proxy.port).then((client) => (client.close(), true), () => false);
  await eventually(async () => await isOpen() ? undefined : true, "nobody to listen");
  // a thread takes a fraction of this to start
  for (let look = 0; look < 40; look++) {
    assert.equal(await isOpen(), false);
    await pause(50);
  }
  backend.release();
  const answers = await Promise.all(
    clients.map((client) => readAnswer(client).then(({ body }) => body, () => undefined)),
  );
  assert.ok(answers.includes("late"), "the other has finished what it had");
  assert.equal((await within(proxy.status, "the end")).code, 0);
});

Deno.test("no server is told to be drained while workers drain, one before the other", async () => {
  await using backend = await startHeld("late");
  await using proxy = await startConfigured(workers(2, { backends: { app: backend.address } }));
  const admin = await adminOf(proxy);
  using client = await connectTls(proxy.port);
  await client.write(encodeRequest("/"));
  await backend.accepted(1);
  proxy.signal("SIGTERM");
  await proxy.says.first(/SIGTERM: draining/);
  const until = performance.now() + 1_000;
  while (performance.now() < until) {
    const [app] = (await statusOf(admin)).backends;
    assert.deepEqual(app?.servers.map(({ state }) => state), ["unchecked"]);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  backend.release();
  assert.equal((await readAnswer(client)).body, "late");
  assert.equal((await within(proxy.status, "the end")).code, 0);
});

Deno.test("a configuration that one worker cannot take is taken by none", async () => {
  await using app = await startNamed("app");
  await using other = await startNamed("other");
  await using proxy = await startConfigured(workers(3, { backends: { app: app.address } }));
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const listeners = [
    { listen: "127.0.0.1:0", mode: "http", engine: "openssl" },
    { listen: `127.0.0.1:${taken.addr.port}`, mode: "http", engine: "openssl" },
  ];
  const config = JSON.parse(await Deno.readTextFile(proxy.config.path));
  config.backends.app.servers = [other.address];
  await proxy.config.write(JSON.stringify({ ...config, listeners }));
  assert.match(await proxy.reload(), /^tls-proxy: not reloaded /);
  assert.match(proxy.says.text, /Cannot listen on 127\.0\.0\.1:/);
  for (let i = 0; i < MANY; i++) assert.equal((await ask(proxy.port, LOCAL)).body, "app");
  await proxy.config.write(JSON.stringify(config));
  assert.match(await proxy.reload(), /^tls-proxy: reloaded /);
  for (let i = 0; i < MANY; i++) assert.equal((await ask(proxy.port, LOCAL)).body, "other");
});

Deno.test("several workers forward opaque bytes", async () => {
  await using echo = await startEcho();
  await using proxy = await startConfigured(
    workers(3, { mode: "tcp", backends: { echo: echo.address } }),
  );
  const clients = await connections(proxy.port, MANY);
  for (const [index, client] of clients.entries()) {
    await client.write(`${index}\n`);
    assert.equal(await client.readUntil("\n"), `${index}\n`);
    client.close();
  }
});
