import assert from "node:assert/strict";
import { readProxyHeader } from "./support/proxy_header.ts";
import { createTestAuthority } from "./support/authority.ts";
import { startBackend, startHttp } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { CAPTURED_HELLOS } from "./support/client_hellos.ts";
import { type ConfiguredProxy, startConfigured } from "./support/configured_proxy.ts";
import { latin1 } from "./support/connection.ts";
import { encodeAnswer, encodeRequest, readAnswer } from "./support/http.ts";
import { httpInFolder, startHaproxy, startNginx } from "./support/real_peers.ts";
import { runCommand } from "./support/start_proxy.ts";
import { connectNodeTls, connectTcp } from "./support/tls_client.ts";

/** TLS that stays the server's, beside TLS that is ended here. */

const authority = await createTestAuthority("/CN=Legacy CA");
const legacy = await authority.issue({ subject: "/CN=legacy.test", names: ["legacy.test"] });
const legacyCa = await Deno.readTextFile(authority.ca);

async function startPassing(
  backend: Readonly<Record<string, unknown>>,
  { mode = "http", terminated, settings = {} }: {
    mode?: "http" | "tcp";
    terminated?: string;
    settings?: Readonly<Record<string, unknown>>;
  } = {},
): Promise<ConfiguredProxy> {
  const here = terminated === undefined ? {} : { here: { servers: [terminated] } };
  return await startConfigured({
    backends: { legacy: backend },
    settings: {
      listeners: [{ listen: "127.0.0.1:0", mode }],
      backends: { legacy: backend, ...here },
      routes: [
        { hosts: ["legacy.test", "*.legacy.test"], passthrough: true, backend: "legacy" },
        ...(terminated === undefined ? [] : [{ backend: "here" }]),
      ],
      ...settings,
    },
  });
}

for (const mode of ["http", "tcp"] as const) {
  Deno.test(`names pass beside others that are ended here, on a ${mode} listener`, async () => {
    await using server = await startNginx(({ port, folder }) =>
      `http { ${httpInFolder(folder)} server {
      listen 127.0.0.1:${port} ssl;
      ssl_certificate ${legacy.cert};
      ssl_certificate_key ${legacy.key};
      location / { return 200 "$ssl_server_name"; }
    } }`
    );
    await using here = await startHttp(() => encodeAnswer("here"));
    await using proxy = await startPassing({ servers: [`127.0.0.1:${server.port}`] }, {
      ...{ mode, terminated: here.address },
    });
    for (const servername of ["legacy.test", "a.legacy.test"]) {
      const { connection, socket } = await connectNodeTls(proxy.port, {
        ...{ servername, ca: legacyCa, rejectUnauthorized: servername === "legacy.test" },
      });
      using client = connection;
      assert.equal(socket.getPeerCertificate().subject.CN, "legacy.test");
      await client.write(encodeRequest("/", { fields: ["Connection: close"] }));
      assert.equal((await readAnswer(client)).body, servername);
      // what it leaves unread would make a reset of its end
      assert.equal(await client.readRest(), "");
    }
    const { connection } = await connectNodeTls(proxy.port);
    using client = connection;
    await client.write(encodeRequest("/", { fields: ["Connection: close"] }));
    assert.equal((await readAnswer(client)).body, "here");
    await proxy.log.first(/ info passthrough peer=127\.0\.0\.1:\d+ sni=legacy\.test$/);
    await proxy.log.first(
      / info end peer=\S+ sni=legacy\.test in=\d+ out=\d+ server=127.*how=done$/,
    );
  });
}

Deno.test("the log knows of a handshake that passes no more than the name", async () => {
  await using server = await startBackend((connection) => connection.write("done"));
  await using proxy = await startPassing({ servers: [server.address] }, {
    settings: {
      routes: [{ passthrough: true, backend: "legacy" }],
      log: { format: "json" },
    },
  });
  using client = await connectTcp(proxy.port);
  await client.write(CAPTURED_HELLOS[0]?.bytes ?? "");
  await client.end();
  assert.equal(await client.readRest(), "done");
  const [line = ""] = await proxy.log.first(/^\{.*"event":"end".*\}$/);
  const told = JSON.parse(line);
  assert.equal(typeof told.sni, "string");
  for (const key of ["protocol", "cipher", "alpn", "resumed", "group", "handshake_ms"]) {
    assert.equal(told[key], null, key);
  }
});

Deno.test("the ClientHello goes to the server as it came, in however many segments", async () => {
  const seen: string[] = [];
  await using server = await startBackend(async (connection) => {
    seen.push(await connection.readRest());
    await connection.write("done");
  });
  await using proxy = await startPassing({ servers: [server.address] }, {
    settings: { routes: [{ passthrough: true, backend: "legacy" }] },
  });
  for (const { bytes } of CAPTURED_HELLOS) {
    for (const step of [1, 100, 100_000]) {
      using client = await connectTcp(proxy.port);
      // a byte a segment for the head of it, else this would take long
      const cuts = step === 1
        ? [...Array(60).keys()]
        : [...Array(Math.ceil(bytes.length / step)).keys()].map((i) => i * step);
      for (const [index, from] of cuts.entries()) {
        await client.write(bytes.subarray(from, cuts[index + 1] ?? bytes.length));
      }
      await client.write("more");
      await client.end();
      assert.equal(await client.readRest(), "done");
      assert.equal(seen.at(-1), latin1(bytes) + "more");
    }
  }
});

Deno.test("servers of names that pass are told of the client by the PROXY protocol", async () => {
  let source: string | undefined;
  let vectors: ReadonlyMap<number, string> = new Map();
  await using server = await startBackend(async (connection) => {
    const header = await readProxyHeader(connection);
    source = header.source;
    vectors = header.vectors;
    await connection.readBytes(1);
  });
  await using proxy = await startPassing({ servers: [server.address], proxy_protocol: "v2" }, {
    settings: { routes: [{ passthrough: true, backend: "legacy" }] },
  });
  using client = await connectTcp(proxy.port, { localAddress: "127.0.7.7" });
  await client.write(CAPTURED_HELLOS[0]?.bytes ?? "");
  await client.untilGone();
  assert.match(source ?? "", /^127\.0\.7\.7:\d+$/);
  assert.deepEqual([...vectors.keys()], [], "of TLS nothing is known here");
});

Deno.test("a name passes behind HAProxy that sends the PROXY protocol, to HAProxy that takes it", async () => {
  await using here = await startHttp((request) => encodeAnswer(JSON.stringify(request.fields)));
  await using server = await startHaproxy(({ port, folder }) => {
    const pem = Deno.readTextFileSync(legacy.cert) + Deno.readTextFileSync(legacy.key);
    Deno.writeTextFileSync(`${folder}/front.pem`, pem);
    return `
listen front
  mode http
  option forwardfor
  bind 127.0.0.1:${port} accept-proxy ssl crt ${folder}/front.pem
  server s ${here.address}`;
  });
  const backend = { servers: [`127.0.0.1:${server.port}`], proxy_protocol: "v2" };
  await using proxy = await startPassing(backend, {
    settings: {
      listeners: [{ listen: "127.0.0.1:0", proxy_protocol: { from: ["127.0.0.1/32"] } }],
    },
  });
  await using front = await startHaproxy(({ port }) => `
listen front
  bind 127.0.0.1:${port}
  server s 127.0.0.1:${proxy.port} send-proxy-v2`);
  const { connection } = await connectNodeTls(front.port, {
    ...{ servername: "legacy.test", ca: legacyCa },
  }, { localAddress: "127.0.7.7" });
  using client = connection;
  await client.write(encodeRequest("/", { fields: ["Connection: close"] }));
  assert.match((await readAnswer(client)).body, /127\.0\.7\.7/);
  await proxy.log.first(/ info passthrough peer=127\.0\.7\.7:\d+ /);
});

Deno.test("no request over another name's connection gets to a server of a name that passes", async () => {
  await using server = await startHttp();
  await using here = await startHttp(() => encodeAnswer("here"));
  await using proxy = await startPassing({ servers: [server.address] }, {
    terminated: here.address,
  });
  const { connection } = await connectNodeTls(proxy.port);
  using client = connection;
  await client.write(encodeRequest("/", { host: "legacy.test" }));
  assert.equal((await readAnswer(client)).status, 421);
  assert.equal(server.connections.length, 0);
});

Deno.test("connections that pass are balanced, counted and ended like those of tcp mode", async () => {
  const names = ["a", "b"];
  await using owned = new AsyncDisposableStack();
  const servers = await Promise.all(names.map((name) =>
    startBackend(async (connection) => {
      await connection.readBytes(5);
      await connection.write(name);
      await connection.readRest();
    })
  ));
  for (const server of servers) owned.use(server);
  await using proxy = await startPassing({
    servers: ["127.0.0.1:1", ...servers.map(({ address }) => address)],
  }, {
    settings: {
      routes: [{ passthrough: true, backend: "legacy" }],
      limits: { connections: 4 },
      workers: 1,
    },
  });
  const clients = [];
  const answers = [];
  for (let i = 0; i < 4; i++) {
    const client = await connectTcp(proxy.port);
    clients.push(client);
    await client.write(CAPTURED_HELLOS[0]?.bytes ?? "");
    answers.push(await client.readText(1));
  }
  // the first of the three servers refuses, so others take its part
  assert.deepEqual(answers.toSorted(), ["a", "a", "b", "b"]);
  using tooMany = await connectTcp(proxy.port);
  await tooMany.untilGone();
  await proxy.log.first(/ connections refused .*limit=connections /);
  for (const client of clients) client.close();
  await proxy.log.count(/ end peer=.* sni=/, 4);
  await proxy.log.first(/ server failed .*127\.0\.0\.1:1 .*connect_failed/);
});

Deno.test("check and explain say which names pass", async () => {
  await using proxy = await startPassing({ servers: ["127.0.0.1:1"] }, {
    terminated: "127.0.0.1:2",
  });
  const { path } = proxy.config;
  const check = await runCommand(["check", "--config", path]);
  assert.equal(check.code, 0, check.stderr);
  assert.match(check.stdout, /passes through to legacy: legacy\.test, \*\.legacy\.test/);
  const explain = await runCommand(["explain", "--config", path, "https://legacy.test/x"]);
  assert.match(explain.stdout, /passthrough/);
  assert.match(explain.stdout, /backend +legacy: 127\.0\.0\.1:1/);
  assert.doesNotMatch(explain.stdout, /certificate/);
  const { ec } = await testCertificates();
  assert.ok(ec.cert.length > 0);
});
