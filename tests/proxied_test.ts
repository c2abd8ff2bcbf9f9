import assert from "node:assert/strict";
import { joinBytes } from "../lib/core/bytes.ts";
import { encodeProxyHeader } from "../lib/upstream/proxy_protocol.ts";
import { startEcho, startHttp, unusedPort } from "./support/backends.ts";
import { CAPTURED_HELLOS } from "./support/client_hellos.ts";
import { issueCertificate, testCertificates } from "./support/certificates.ts";
import { type ConfiguredProxy, startConfigured } from "./support/configured_proxy.ts";
import { eventually } from "./support/deadline.ts";
import type { Socket } from "node:net";
import { encodeAnswer, encodeRequest, readAnswer, valuesOf } from "./support/http.ts";
import { type RealPeer, startHaproxy, startNginx, startStunnel } from "./support/real_peers.ts";
import { connectNodeTls, connectTcp, connectTlsOver, openTcp } from "./support/tls_client.ts";

/** Connections that proxies in front make: the PROXY protocol ahead of TLS and of plain HTTP. */

const CLIENT = "127.0.7.7";
/** Where a proxy in front connects from; everybody else is a client. */
const IN_FRONT = "127.0.0.1/32";

/** An answer that shows what the server was told of the client. */
function startEchoing() {
  return startHttp((request) =>
    encodeAnswer(JSON.stringify({
      for: valuesOf(request, "x-forwarded-for"),
      port: valuesOf(request, "x-forwarded-port"),
    }))
  );
}

interface Proxied extends ConfiguredProxy {
  readonly plainPort: number;
}

async function startProxied(
  backend: string,
  { mode = "http", settings = {} }: {
    mode?: "http" | "tcp";
    settings?: Readonly<Record<string, unknown>>;
  } = {},
): Promise<Proxied> {
  const plainPort = await unusedPort();
  const proxy_protocol = { from: [IN_FRONT] };
  const proxy = await startConfigured({
    backends: { api: backend },
    settings: {
      listeners: [
        { listen: "127.0.0.1:0", mode, proxy_protocol },
        { listen: `127.0.0.1:${plainPort}`, redirect: "https", proxy_protocol },
      ],
      ...settings,
    },
  });
  return { ...proxy, plainPort };
}

/** Proxies in front that pass TLS on as it is. */
const SOURCES: Readonly<Record<string, (port: number) => Promise<RealPeer>>> = {
  "HAProxy send-proxy": (to) => haproxy(to, "send-proxy"),
  "HAProxy send-proxy-v2": (to) => haproxy(to, "send-proxy-v2"),
  "HAProxy send-proxy-v2 with a checksum and more": (to) =>
    haproxy(to, "send-proxy-v2 proxy-v2-options crc32c,unique-id,authority"),
  "nginx proxy_protocol": (to) =>
    startNginx(({ port }) =>
      `stream { server {
      listen 127.0.0.1:${port};
      proxy_pass 127.0.0.1:${to};
      proxy_protocol on;
    } }`
    ),
};

function haproxy(to: number, option: string): Promise<RealPeer> {
  return startHaproxy(({ port }) => `
listen front
  bind 127.0.0.1:${port}
  unique-id-format %{+X}o%ci%cp
  server s 127.0.0.1:${to} ${option}`);
}

for (const [name, startSource] of Object.entries(SOURCES)) {
  Deno.test(`behind ${name} the client is who it tells of`, async () => {
    await using backend = await startEchoing();
    await using proxy = await startProxied(backend.address);
    await using source = await startSource(proxy.port);
    const { connection } = await connectNodeTls(source.port, {}, { localAddress: CLIENT });
    using client = connection;
    await client.write(encodeRequest("/"));
    const told = JSON.parse((await readAnswer(client)).body);
    assert.deepEqual(told, { for: [CLIENT], port: [String(source.port)] });
    const [line] = await proxy.log.first(/ info request .*/);
    assert.match(line, new RegExp(` peer=${CLIENT}:\\d+ `));
  });
}

Deno.test("behind HAProxy that tells of its clients' certificates too", async () => {
  await using backend = await startEchoing();
  await using proxy = await startProxied(backend.address);
  const { ca, ec } = await testCertificates();
  const client = await issueCertificate({ names: ["client.test"] });
  await using source = await startHaproxy(({ port, folder }) => {
    const pem = Deno.readTextFileSync(ec.cert) + Deno.readTextFileSync(ec.key);
    Deno.writeTextFileSync(`${folder}/front.pem`, pem);
    return `
listen front
  bind 127.0.0.1:${port} ssl crt ${folder}/front.pem ca-file ${ca} verify optional
  server s 127.0.0.1:${proxy.port} ssl verify none sni str(localhost) send-proxy-v2-ssl-cn`;
  });
  const [cert, key] = await Promise.all([
    Deno.readTextFile(client.cert),
    Deno.readTextFile(client.key),
  ]);
  const { connection } = await connectNodeTls(source.port, { cert, key }, { localAddress: CLIENT });
  using connected = connection;
  await connected.write(encodeRequest("/"));
  const told = JSON.parse((await readAnswer(connected)).body);
  assert.deepEqual(told, { for: [CLIENT], port: [String(source.port)] });
});

Deno.test("behind stunnel a listener that redirects knows its clients", async () => {
  await using backend = await startEchoing();
  await using proxy = await startProxied(backend.address);
  const { ec } = await testCertificates();
  await using source = await startStunnel(() => `
cert = ${ec.cert}
key = ${ec.key}
connect = 127.0.0.1:${proxy.plainPort}
protocol = proxy`);
  const { connection } = await connectNodeTls(source.port, {}, { localAddress: CLIENT });
  using client = connection;
  await client.write(encodeRequest("/x", { host: "a.test" }));
  const answer = await readAnswer(client);
  assert.deepEqual([answer.status, valuesOf(answer, "location")], [308, ["https://a.test/x"]]);
  const [line] = await proxy.log.first(/ info request .*/);
  assert.match(line, new RegExp(` peer=${CLIENT}:\\d+ `));
});

const HEADER = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n";

Deno.test("a PROXY header may come in any pieces, and with the ClientHello behind it", async () => {
  await using backend = await startEchoing();
  await using proxy = await startProxied(backend.address);
  const v2 = encodeProxyHeader("v2", {
    peer: { host: "2001:db8::7", port: 1 },
    local: { host: "2001:db8::1", port: 443 },
  });
  const cases: readonly [header: Uint8Array, step: number, client: string][] = [
    [new TextEncoder().encode(HEADER), 1, "192.0.2.7"],
    [v2, 1, "2001:db8::7"],
    [v2, 1000, "2001:db8::7"],
    // nobody's: the socket's own
    [encodeProxyHeader("v2", undefined), 1000, "127.0.0.1"],
    [encodeProxyHeader("v1", undefined), 3, "127.0.0.1"],
  ];
  for (const [header, step, expected] of cases) {
    const raw = await openTcp(proxy.port);
    for (let at = 0; at < header.length; at += step) {
      await send(raw, header.subarray(at, at + step));
    }
    const { connection } = await connectTlsOver(raw);
    using client = connection;
    await client.write(encodeRequest("/"));
    assert.deepEqual(JSON.parse((await readAnswer(client)).body).for, [expected]);
  }
  // ahead of plain HTTP, with the request in the same segment
  using plain = await connectTcp(proxy.plainPort);
  await plain.write(HEADER + encodeRequest("/y", { host: "a.test" }));
  assert.equal((await readAnswer(plain)).status, 308);
  await proxy.log.first(/ info request peer=192\.0\.2\.7:4711 .*status=308/);
});

Deno.test("a connection without the PROXY header it owes is closed and counted", async () => {
  await using backend = await startEchoing();
  await using proxy = await startProxied(backend.address, {
    settings: { timeouts: { handshake: "2s" } },
  });
  const damaged = [
    "GET / HTTP/1.1\r\n\r\n",
    "\x16\x03\x01\x02\0\x01",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
  ];
  let failed = 0;
  for (const port of [proxy.port, proxy.plainPort]) {
    for (const bytes of damaged) {
      using client = await connectTcp(port);
      await client.write(bytes);
      await client.untilGone();
      await proxy.log.count(
        / warning handshake failed peer=127\.0\.0\.1:\d+ .*bad_proxy_header/,
        ++failed,
      );
    }
  }
  const late = await Promise.all(
    [proxy.port, proxy.plainPort].flatMap((port) =>
      ["", "PROXY TCP4 ", HEADER].slice(0, port === proxy.port ? 3 : 2).map(async (bytes) => {
        const client = await connectTcp(port);
        if (bytes !== "") await client.write(bytes);
        return client;
      })
    ),
  );
  for (const client of late) {
    await client.untilGone();
    client.close();
  }
  await proxy.log.count(/ warning handshake failed .*error=handshake_timeout/, late.length);
  // what was told before the handshake was late is who it was
  await proxy.log.first(/ handshake failed peer=192\.0\.2\.7:4711 .*error=handshake_timeout/);
  assert.equal(backend.connections.length, 0);
});

Deno.test("a proxy in front that closes without a word is a probe, and no failure", async () => {
  await using backend = await startEchoing();
  await using proxy = await startProxied(backend.address, {
    settings: { admin: { listen: "127.0.0.1:0" } },
  });
  const [, admin = ""] = await proxy.says.first(/admin page: (http:\S+)\/$/);
  for (const port of [proxy.port, proxy.plainPort]) {
    using polite = await connectTcp(port);
    await polite.end();
    await polite.untilGone();
    // by a reset
    (await connectTcp(port)).close();
  }
  await eventually(async () => {
    const status = await (await fetch(`${admin}/status`)).json();
    assert.equal(status.handshakeFailures.total, 0);
    return status.probes === 4 || undefined;
  }, "all to be counted");
  assert.equal(proxy.log.text, "");
});

Deno.test("a reload that closes a plain listener waits for PROXY headers that are due", async () => {
  await using backend = await startEchoing();
  const port = await unusedPort();
  const plain = (port: number) =>
    JSON.stringify({
      listeners: [{
        listen: `127.0.0.1:${port}`,
        tls: false,
        proxy_protocol: { from: [IN_FRONT] },
      }],
      backends: { api: { servers: [backend.address] } },
      routes: [{ backend: "api" }],
      workers: 1,
    });
  await using proxy = await startConfigured(plain(port));
  using client = await connectTcp(port);
  using other = await connectTcp(port);
  await other.write(HEADER + encodeRequest("/"));
  assert.equal((await readAnswer(other)).status, 200);
  await proxy.config.write(plain(0));
  assert.match(await proxy.reload(), /: 1 listener added, 1 listener removed, /);
  await client.write(HEADER + encodeRequest("/"));
  assert.equal((await readAnswer(client)).status, 200);
});

Deno.test("others are not asked for a PROXY header, and theirs is none", async () => {
  await using backend = await startEchoing();
  await using proxy = await startProxied(backend.address);
  const { connection } = await connectNodeTls(proxy.port, {}, { localAddress: CLIENT });
  using client = connection;
  await client.write(encodeRequest("/"));
  assert.deepEqual(JSON.parse((await readAnswer(client)).body).for, [CLIENT]);
  using forging = await connectTcp(proxy.port, { localAddress: CLIENT });
  await forging.write(HEADER);
  await forging.untilGone();
  await proxy.log.first(new RegExp(` handshake failed peer=${CLIENT}:.*error=bad_client_hello`));
});

Deno.test("connections_per_ip and forwarded.trusted go by the address that is told", async () => {
  await using backend = await startEchoing();
  await using proxy = await startProxied(backend.address, {
    settings: { limits: { connections_per_ip: 1 }, forwarded: { trusted: ["192.0.2.8"] } },
  });
  const connect = async (host: string) => {
    const raw = await openTcp(proxy.port);
    await send(raw, `PROXY TCP4 ${host} 192.0.2.1 1 443\r\n`);
    return (await connectTlsOver(raw)).connection;
  };
  using first = await connect("192.0.2.7");
  await assert.rejects(() => connect("192.0.2.7"));
  await proxy.log.first(/ connections refused .*limit=connections_per_ip peer=192\.0\.2\.7:1$/);
  using other = await connect("192.0.2.8");
  for (const client of [first, other]) {
    await client.write(encodeRequest("/", { fields: ["X-Forwarded-For: 203.0.113.1"] }));
  }
  assert.deepEqual(JSON.parse((await readAnswer(first)).body).for, ["192.0.2.7"]);
  assert.deepEqual(JSON.parse((await readAnswer(other)).body).for, ["203.0.113.1, 192.0.2.8"]);
  await first.end();
  await proxy.log.first(/ info end peer=192\.0\.2\.7:1 /);
  using again = await connect("192.0.2.7");
  await again.end();
});

Deno.test("strangers who never finish a header take no more than connections, nor for long", async () => {
  await using echo = await startEcho();
  await using proxy = await startProxied(echo.address, {
    mode: "tcp",
    settings: { limits: { connections: 5 }, timeouts: { handshake: "2s" } },
  });
  const slow = await Promise.all(Array.from({ length: 8 }, async () => {
    const client = await connectTcp(proxy.port);
    await client.write("PROXY TCP4 ").catch(() => {});
    return client;
  }));
  for (const client of slow) {
    await client.untilGone();
    client.close();
  }
  await proxy.log.count(/ handshake failed .*error=handshake_timeout/, 5);
  const raw = await openTcp(proxy.port);
  await send(raw, HEADER);
  const { connection } = await connectTlsOver(raw);
  using client = connection;
  await client.write("ping");
  assert.equal(await client.readText(4), "ping");
});

Deno.test("who says hello together with the header does not give way before who is silent", async () => {
  await using echo = await startEcho();
  await using proxy = await startProxied(echo.address, {
    mode: "tcp",
    settings: { limits: { connections: 20 }, workers: 1 },
  });
  const [hello] = CAPTURED_HELLOS;
  assert.ok(hello);
  using speaking = await connectTcp(proxy.port);
  await speaking.write(joinBytes([new TextEncoder().encode(HEADER), hello.bytes]));
  // a ServerHello
  assert.deepEqual([...await speaking.readBytes(3)], [22, 3, 3]);
  const silent = await Promise.all(Array.from({ length: 14 }, async () => {
    const client = await connectTcp(proxy.port);
    await client.write(encodeProxyHeader("v1", undefined));
    return client;
  }));
  await proxy.log.first(/ connections refused .*limit=handshakes /);
  await speaking.write("no TLS");
  await proxy.log.first(/ handshake failed peer=192\.0\.2\.7:4711 /);
  for (const client of silent) client.close();
});

function send(socket: Socket, bytes: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => error ? reject(error) : resolve());
  });
}
