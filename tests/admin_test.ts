import assert from "node:assert/strict";
import type { Status } from "../lib/metrics/status.ts";
import { ask } from "./support/ask.ts";
import { startBackend, startNamed, unusedPort } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { ConfigFile } from "./support/config_file.ts";
import { type ConfiguredProxy, startConfigured } from "./support/configured_proxy.ts";
import { printedFlags } from "./support/printed_permissions.ts";
import { eventually, PROGRAM_MS, within } from "./support/deadline.ts";
import { encodeRequest, readAnswer } from "./support/http.ts";
import { NotStarted, stopProxy } from "./support/start_proxy.ts";
import { connectTcp, connectTls } from "./support/tls_client.ts";
import { runOk } from "./support/tools.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

type ServerText = string | { readonly address: string; readonly drain: boolean };

async function yaml(servers: readonly ServerText[], more = 'admin: { listen: "127.0.0.1:0" }') {
  const { ec } = await testCertificates();
  return `
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { app: { servers: ${JSON.stringify(servers)} } }
routes: [{ hosts: [localhost], paths: [/a], backend: app }, { backend: app }]
${more}
`;
}

async function adminOf(proxy: ConfiguredProxy): Promise<string> {
  const [, url = ""] = await proxy.says.first(/admin page: (http:\S+)\/$/);
  return url;
}

async function statusOf(admin: string): Promise<Status> {
  const response = await fetch(`${admin}/status`);
  assert.equal(response.headers.get("content-type"), "application/json");
  return await response.json();
}

/** The status once it is as it is to be: a worker that is busy tells a little later what it has counted. */
function statusWhen(admin: string, isSo: (status: Status) => boolean): Promise<Status> {
  return eventually(async () => {
    const status = await statusOf(admin);
    return isSo(status) ? status : undefined;
  }, "the status");
}

async function askAdmin(url: string, init: RequestInit = {}) {
  const response = await fetch(url, init);
  const { status, statusText, headers } = response;
  return { status, statusText, text: await response.text(), headers };
}

Deno.test("admin tells how the proxy is, and how it was", async () => {
  await using backend = await startNamed("app");
  await using proxy = await startConfigured(await yaml([backend.address]));
  const admin = await adminOf(proxy);
  await ask(proxy.port, { sni: undefined, path: "/a/b" });
  await ask(proxy.port, { sni: undefined, path: "/c" });
  using noise = await connectTcp(proxy.port);
  await noise.write("GET / HTTP/1.1\r\n\r\n");
  await noise.readRest();
  await proxy.log.count(/ end /, 2);

  assert.equal((await askAdmin(`${admin}/healthz`)).text, "ok\n");
  assert.equal((await askAdmin(`${admin}/readyz`)).text, "ready\n");
  const status = await statusWhen(
    admin,
    ({ requests, handshakeFailures }) => requests.total >= 2 && handshakeFailures.rows.length > 0,
  );
  assert.equal(status.state, "serving");
  assert.deepEqual(status.listeners, [
    { address: `127.0.0.1:${proxy.port}`, mode: "http", engine: "openssl" },
  ]);
  assert.ok((status.certificates[0]?.daysLeft ?? 0) > 1);
  assert.deepEqual(status.routes, [
    { name: "localhost/a", backend: "app" },
    { name: "*", backend: "app" },
  ]);
  assert.deepEqual(status.backends[0]?.servers.map(({ name }) => name), [backend.address]);
  assert.equal(status.requests.total, 2);
  assert.equal(status.handshakeFailures.rows[0]?.reason, "plain_http");

  const counted = [
    /^tls_proxy_requests_total\{route="localhost\/a",.*status="2xx"\} 1$/m,
    /^tls_proxy_handshake_failures_total\{reason="plain_http"\} 1$/m,
    /^tls_proxy_certificate_expiry_timestamp_seconds\{.*\} \d+$/m,
    /^tls_proxy_event_loop_delay_seconds_count [1-9]/m,
    /^tls_proxy_memory_bytes\{kind="resident"\} [1-9]/m,
  ];
  let seen = "";
  const metrics = await eventually(async () => {
    const told = await askAdmin(`${admin}/metrics`);
    seen = told.text;
    return counted.every((line) => line.test(seen)) ? told : undefined;
  }, () => `metrics like ${counted.filter((line) => !line.test(seen))} in\n${seen}`);
  await passesPromtool(metrics.text);
  const docs = await Deno.readTextFile(new URL("../docs/metrics-and-admin.md", import.meta.url));
  const names = [...metrics.text.matchAll(/^# TYPE tls_proxy_(\S+) /gm)].map(([, name]) => name);
  assert.ok(names.length > 20);
  for (const name of names) assert.ok(docs.includes(`\`${name}\``), `the page has ${name}`);
  const open = await askAdmin(`${admin}/metrics`, {
    headers: { accept: "application/openmetrics-text" },
  });
  assert.match(open.headers.get("content-type") ?? "", /^application\/openmetrics-text; version=1/);
  assert.ok(open.text.endsWith("# EOF\n"));
});

for (const workers of [1, 2]) {
  Deno.test(`connections without TLS are counted as those with it (workers: ${workers})`, async () => {
    await using backend = await startNamed("app");
    await using proxy = await startConfigured(JSON.stringify({
      listeners: [{ listen: "127.0.0.1:0", tls: false }],
      backends: { app: { servers: [backend.address] } },
      routes: [{ backend: "app" }],
      admin: { listen: "127.0.0.1:0" },
      workers,
    }));
    const admin = await adminOf(proxy);
    const open = async () => (await statusOf(admin)).connections.open;
    using asking = await connectTcp(proxy.port);
    await asking.write(encodeRequest("/"));
    assert.equal((await readAnswer(asking)).status, 200);
    using silent = await connectTcp(proxy.port);
    await eventually(async () => await open() === 2 || undefined, "both to be open");
    await eventually(async () => {
      const { text } = await askAdmin(`${admin}/metrics`);
      return /^tls_proxy_connections 2$/m.test(text) || undefined;
    }, "the metrics to count both");
    asking.close();
    silent.close();
    await eventually(async () => await open() === 0 || undefined, "none to be open");
    assert.equal(await stopProxy(proxy), 0);
    // who says nothing is a probe
    await proxy.says.first(/served 1 connection and 1 request, /);
  });
}

/** Each asks for what lasts, and is answered by its first bytes. */
const LASTING = {
  tcp: { asks: "hello", answer: "hello" },
  http: {
    asks: encodeRequest("/"),
    answer: "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n",
  },
} as const;

for (const mode of ["tcp", "http"] as const) {
  for (const workers of [1, 2]) {
    Deno.test(`a server is up that has taken what lasts (${mode}, workers: ${workers})`, async () => {
      const { asks, answer } = LASTING[mode];
      const port = await unusedPort();
      const app = {
        ...{ servers: [`127.0.0.1:${port}`], retries: 0 },
        ...{ health: { type: "none" }, ejection: { failures: 0 } },
      };
      const settings = { admin: { listen: "127.0.0.1:0" }, workers };
      await using proxy = await startConfigured({ mode, backends: { app }, settings });
      const admin = await adminOf(proxy);
      const isIn = (state: string) => (status: Status) =>
        status.backends[0]?.servers[0]?.state === state;
      using early = await connectTls(proxy.port);
      await early.write(asks);
      await statusWhen(admin, isIn("down"));
      await using _backend = await startBackend(async (connection) => {
        await connection.readSome();
        await connection.write(answer);
        await connection.readRest();
      }, { listen: { port }, brokenOff: true });
      // none of which ends
      using open = new DisposableStack();
      await eventually(async () => {
        const client = open.use(await connectTls(proxy.port));
        await client.write(asks);
        await client.readSome();
        return isIn("unchecked")(await statusOf(admin)) || undefined;
      }, "it to be up");
    });
  }
}

async function passesPromtool(text: string): Promise<void> {
  const child = new Deno.Command("promtool", {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await new Blob([text]).stream().pipeTo(child.stdin);
  const { code, stdout, stderr } = await within(child.output(), "promtool");
  const decoder = new TextDecoder();
  assert.equal(decoder.decode(stdout) + decoder.decode(stderr), "");
  assert.equal(code, 0);
}

Deno.test("admin drains a server and takes it back in, also across a reload", async () => {
  await using one = await startNamed("app");
  await using two = await startNamed("app");
  await using proxy = await startConfigured(await yaml([one.address, two.address]));
  const admin = await adminOf(proxy);
  const path = `${admin}/drain/app/${one.address}`;
  const drain = await askAdmin(path, { method: "POST" });
  assert.deepEqual(JSON.parse(drain.text), { backend: "app", server: one.address, drained: true });
  assert.match(await proxy.reload(), /reloaded/);
  for (let i = 0; i < 4; i++) await ask(proxy.port, { sni: undefined });
  assert.deepEqual([one.requests.length, two.requests.length], [0, 4]);
  assert.equal((await statusOf(admin)).backends[0]?.servers[0]?.state, "draining");
  const both = await askAdmin(`${admin}/drain/app/${encodeURIComponent(two.address)}`, {
    method: "POST",
  });
  assert.equal(both.status, 200);
  assert.ok((await ask(proxy.port, { sni: undefined })).status >= 502, "none is left");

  assert.equal((await askAdmin(path, { method: "DELETE" })).status, 200);
  await ask(proxy.port, { sni: undefined });
  assert.equal(one.requests.length, 1);
  for (const unknown of ["/drain/app/127.0.0.1:1", "/drain/x", "/drain/", "/drain/%/a"]) {
    assert.equal((await askAdmin(`${admin}${unknown}`, { method: "POST" })).status, 404, unknown);
  }
});

Deno.test("admin tells of a server that the file has drain what it tells of one that was asked to", async () => {
  await using one = await startNamed("app");
  await using two = await startNamed("app");
  const servers = [{ address: one.address, drain: true }, two.address];
  await using proxy = await startConfigured(await yaml(servers));
  const admin = await adminOf(proxy);
  const states = (await statusOf(admin)).backends[0]?.servers.map(({ state }) => state);
  assert.deepEqual(states, ["draining", "unchecked"]);
  const undone = await askAdmin(`${admin}/drain/app/${one.address}`, { method: "DELETE" });
  assert.deepEqual([undone.status, undone.statusText], [409, "Conflict"]);
  assert.match(undone.text, /"The configuration has it drain"/);
  const { text } = await askAdmin(`${admin}/metrics`);
  for (const [server, up, drained] of [[one, 0, 1], [two, 1, 0]] as const) {
    const labels = `{backend="app",server="${server.address}"}`;
    assert.ok(text.includes(`\ntls_proxy_server_up${labels} ${up}\n`), text);
    assert.ok(text.includes(`\ntls_proxy_server_drained${labels} ${drained}\n`), text);
  }
});

Deno.test("admin has each sample of the metrics once, also of a certificate that is given twice", async () => {
  const { ec: { cert, key } } = await testCertificates();
  await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates:
  - { cert: ${cert}, key: ${key}, hosts: [a.test] }
  - { cert: ${cert}, key: ${key}, hosts: [b.test] }
backends: { app: { servers: ["127.0.0.1:9"] } }
routes: [{ backend: app }]
admin: { listen: "127.0.0.1:0" }
`);
  const { text } = await askAdmin(`${await adminOf(proxy)}/metrics`);
  const samples = text.split("\n").filter((line) => /^[a-z]/.test(line))
    .map((line) => line.slice(0, line.lastIndexOf(" ")));
  assert.ok(samples.some((sample) => sample.startsWith("tls_proxy_certificate_expiry")));
  assert.deepEqual(samples, [...new Set(samples)]);
});

Deno.test("admin tells no end of a certificate that a CA has yet to give", async () => {
  const { ec: { cert, key } } = await testCertificates();
  const certificate = `{ cert: ${cert}, key: ${key} }`;
  await using config = await ConfigFile.create(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [${certificate}, { acme: [awaited.test] }]
acme: { accept_terms: true, directory: "https://127.0.0.1:${await unusedPort()}/directory" }
backends: { app: { servers: ["127.0.0.1:9"] } }
routes: [{ backend: app }]
admin: { listen: "127.0.0.1:0" }
`);
  await using proxy = await startConfigured(config, {
    grants: [`--allow-write=${config.folder}/acme`],
  });
  const admin = await adminOf(proxy);
  const status = await statusWhen(admin, ({ acme }) => acme.length > 0);
  assert.deepEqual(status.certificates.map(({ file }) => file), [cert]);
  assert.deepEqual(status.acme.map(({ names, notAfter }) => ({ names, notAfter })), [
    { names: ["awaited.test"], notAfter: undefined },
  ]);
  const { text } = await askAdmin(`${admin}/metrics`);
  const ends = text.match(/^tls_proxy_certificate_expiry_timestamp_seconds\{.*\}/gm);
  assert.equal(ends?.length, 1, text);
  assert.match(text, /^tls_proxy_acme_certificate_held\{certificate="awaited\.test"\} 0$/m);
});

Deno.test("admin changes nothing by GET, and nothing for a page of another origin", async () => {
  await using backend = await startNamed("app");
  await using proxy = await startConfigured(await yaml([backend.address]));
  const admin = await adminOf(proxy);
  for (const path of ["/reload", `/drain/app/${backend.address}`]) {
    const { status, headers } = await askAdmin(`${admin}${path}`);
    assert.equal(status, 405);
    assert.match(headers.get("allow") ?? "", /^POST/);
    const forged = await runOk("curl", [
      ...["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST"],
      ...["-H", "Origin: https://evil.test", `${admin}${path}`],
    ]);
    assert.equal(forged, "403");
  }
  const rebound = await runOk("curl", [
    ...["-sS", "-o", "/dev/null", "-w", "%{http_code}"],
    ...["-H", "Host: evil.test", `${admin}/status`],
  ]);
  assert.equal(rebound, "421");
  for (const path of ["/", "/status", "/metrics", "/nothing"]) {
    const { headers } = await askAdmin(`${admin}${path}`, {
      headers: { origin: "https://evil.test" },
    });
    assert.equal(headers.get("access-control-allow-origin"), null, path);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
  }
  assert.deepEqual(proxy.says.matching(/reloaded/), []);
});

Deno.test("admin reloads when it is asked to, and says what was wrong", async () => {
  await using backend = await startNamed("app");
  await using proxy = await startConfigured(await yaml([backend.address]));
  const admin = await adminOf(proxy);
  const good = await askAdmin(`${admin}/reload`, { method: "POST" });
  assert.deepEqual([good.status, JSON.parse(good.text)], [200, { taken: true, details: [] }]);
  await proxy.config.write("listeners: 5");
  const bad = await askAdmin(`${admin}/reload`, { method: "POST" });
  assert.equal(bad.status, 422);
  assert.match(JSON.parse(bad.text).details[0], /:1:12: "listeners" must be a list/);
  await proxy.config.write(await yaml([backend.address], ""));
  assert.match(await proxy.reload(), /admin changed/);
  await assert.rejects(fetch(`${admin}/healthz`), "it is off");
});

Deno.test("admin reloads behind the start, where it is asked to while that waits for Redis", async () => {
  await using backend = await startNamed("app");
  // it takes connections, and says nothing
  await using redis = await startBackend((connection) => connection.untilGone(), {
    brokenOff: true,
  });
  const port = await unusedPort();
  const more = `admin: { listen: "127.0.0.1:${port}" }\ncluster: { redis: "${redis.address}" }`;
  await using config = await ConfigFile.create(await yaml([backend.address], more));
  const starting = startConfigured(config);
  const reload = () =>
    askAdmin(`http://127.0.0.1:${port}/reload`, { method: "POST" }).catch(() => undefined);
  const answer = await eventually(reload, "an answer of the admin page", PROGRAM_MS);
  await using proxy = await starting;
  assert.deepEqual(JSON.parse(answer.text), { taken: true, details: [] }, proxy.says.text);
});

Deno.test("admin whose port is taken says so as listeners do, at start and to a reload", async () => {
  await using backend = await startNamed("app");
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = other.addr;
  const taken = await yaml([backend.address], `admin: { listen: "127.0.0.1:${port}" }`);
  const message = new RegExp(
    `Cannot listen on 127\\.0\\.0\\.1:${port}: another program has it; sudo ss .*:${port}"`,
  );
  await assert.rejects(startConfigured(taken), (error) => {
    assert.ok(error instanceof NotStarted);
    assert.match(error.says.join("\n"), message);
    return true;
  });
  await using proxy = await startConfigured(await yaml([backend.address]));
  const admin = await adminOf(proxy);
  await proxy.config.write(taken);
  const { text } = await askAdmin(`${admin}/reload`, { method: "POST" });
  assert.match(JSON.parse(text).details[0], message);
});

Deno.test("admin beyond this machine asks for a token, with exactly the permissions printed", async () => {
  await using backend = await startNamed("app");
  const [listen, port] = [await unusedPort(), await unusedPort()];
  const admin = (file: string) => `admin: { listen: "0.0.0.0:${port}"${file} }`;
  const fixed = async (more: string) =>
    (await yaml([backend.address], more)).replace("127.0.0.1:0", `127.0.0.1:${listen}`);
  await using config = await ConfigFile.create(await fixed(admin("")));
  await assert.rejects(startConfigured(config), (error) => {
    assert.ok(error instanceof NotStarted);
    assert.match(error.says.join("\n"), /admin needs a token_file/);
    return true;
  });
  await Deno.writeTextFile(`${config.folder}/token`, "short\n");
  await config.write(await fixed(admin(", token_file: token") + "\nlog: { file: a.log }"));
  await assert.rejects(startConfigured(config), /less than 16 characters|--allow-write/);
  await Deno.writeTextFile(`${config.folder}/token`, `${TOKEN}\n`);
  const granted = await printedFlags(config.path);
  await using proxy = await startConfigured(config, { granted });
  const url = `http://127.0.0.1:${port}`;
  assert.equal((await askAdmin(`${url}/healthz`)).status, 200);
  const { status, headers } = await askAdmin(`${url}/status`);
  assert.equal(status, 401);
  assert.match(headers.get("www-authenticate") ?? "", /^Basic /);
  const shown = { headers: { authorization: `Bearer ${TOKEN}` } };
  assert.equal((await askAdmin(`${url}/status`, shown)).status, 200);
  assert.ok(!proxy.says.text.includes(TOKEN));
  assert.ok(!(await Deno.readTextFile(`${config.folder}/a.log`)).includes(TOKEN));
});
