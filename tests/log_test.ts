import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { startBackend, startEcho, startHttp, unusedPort } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { nodeTransport, TestConnection } from "./support/connection.ts";
import { eventually } from "./support/deadline.ts";
import { encodeRequest, readAnswer, readRequestHead } from "./support/http.ts";
import { Http2Client } from "./support/http2_client.ts";
import { data, headers, requestFields } from "./support/http2_frames.ts";
import { ENGINE_CAN, ENGINES, startProxy, startProxyFor } from "./support/start_proxy.ts";
import { connectTcp, connectTls, openTcp } from "./support/tls_client.ts";
import { run, runOk } from "./support/tools.ts";

const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
const PEER = String.raw`127\.0\.0\.1:\d+`;
const MS = String.raw`\d+\.\dms`;
const SECONDS = String.raw`\d+\.\d\ds`;

const CHUNKED = "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";

for (const engine of ENGINES) {
  const knows = ENGINE_CAN[engine].has("protocol_facts");

  Deno.test(`the log tells handshake, request and end (${engine})`, async () => {
    await using backend = await startHttp();
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const { ca } = await testCertificates();
    const url = `https://localhost:${proxy.port}/a?b="c`;
    const flags = ["-sS", "-g", "--http1.1", "--tls-max", "1.2", "--cacert", ca];
    await runOk("curl", [...flags, url, "-d", "xyz"]);
    await proxy.log.first(/ end /);
    const tls = knows
      ? "protocol=TLSv1\\.2 cipher=TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 sni=localhost"
      : "protocol=- cipher=- sni=-";
    const { port } = proxy;
    const SHAPES = [
      `^${TIME} info handshake peer=(${PEER}) ${tls} alpn=http/1\\.1 resumed=${
        knows ? "no group=x25519" : "- group=-"
      } time=${MS}$`,
      `^${TIME} info request peer=(${PEER}) client=- id=[0-9a-f]{8}-\\w+ host=localhost:${port} method=POST ` +
      `target="/a\\?b=\\\\"c" status=200 in=\\d+ out=\\d+ time=${MS} backend=default ` +
      `server=${backend.address} error=- route=\\* attempts=1 wait=${MS} first_byte=${MS}$`,
      `^${TIME} info end peer=(${PEER}) in=(\\d+) out=(\\d+) requests=1 time=${SECONDS} how=done$`,
    ];
    assert.equal(proxy.log.all.length, SHAPES.length, proxy.log.text);
    const peers = SHAPES.map((shape, index) => {
      const match = new RegExp(shape).exec(proxy.log.all[index] ?? "");
      assert.ok(match, `${proxy.log.all[index]}\nis not like\n${shape}`);
      return match[1];
    });
    assert.equal(new Set(peers).size, 1, "all of one connection");
  });

  Deno.test(`the log counts every byte (${engine})`, async () => {
    await using backend = await startHttp();
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    const requests = [
      encodeRequest("/"),
      encodeRequest("/", { method: "POST", body: "x".repeat(100_000) }),
      CHUNKED + `3\r\nabc\r\n2000\r\n${"x".repeat(0x2000)}\r\n0\r\n\r\n`,
      CHUNKED + "0003;ext=1\r\nabc\r\n0\r\nX-Trailer: b\r\n\r\n",
    ];
    for (const request of requests) {
      await client.write(request);
      await readAnswer(client);
    }
    await client.end();
    await client.readRest();
    const sizes = requests.map(({ length }) => length);
    for (const size of sizes) {
      await proxy.log.first(new RegExp(` request .* in=${size} out=\\d+ `));
    }
    const total = requests.join("").length;
    await proxy.log.first(
      new RegExp(` end .* in=${total} out=${client.received} requests=4 .*how=done$`),
    );
  });

  Deno.test(`the log counts every byte of frames by HTTP/2 (${engine})`, async () => {
    await using backend = await startHttp();
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await Http2Client.connect(proxy.port);
    const fields = requestFields({ ":method": "POST", ":path": "/", ":authority": "localhost" });
    const frames = [
      headers(1, fields, { ended: false }),
      data(1, "a".repeat(10_000)),
      data(1, "bc"),
      headers(1, [["x-trailer", "b"]], { ended: true }),
    ];
    await client.send(...frames);
    assert.equal((await client.answer(1)).status, 200);
    const sent = frames.reduce((sum, { length }) => sum + length, 0);
    await proxy.log.first(new RegExp(` request .* in=${sent} out=\\d+ `));
  });

  Deno.test(`the log tells the end of a tcp connection with its server (${engine})`, async () => {
    await using echo = await startEcho();
    const mode = "tcp";
    await using proxy = await startProxyFor({ engine, mode, backend: echo.address });
    using client = await connectTls(proxy.port);
    await client.write("hello");
    await client.end();
    await client.readRest();
    await proxy.log.first(
      new RegExp(
        `^${TIME} info end peer=${PEER} in=5 out=5 server=${echo.address} ` +
          `time=${SECONDS} how=done$`,
      ),
    );
    assert.equal(proxy.log.matching(/ handshake .*alpn=- /).length, 1);
  });

  Deno.test(`the log tells why a handshake failed (${engine})`, async () => {
    await using proxy = await startProxyFor({ engine, backend: "127.0.0.1:9" });
    const FAILED = `^${TIME} warning handshake failed peer=${PEER} sni=`;
    using garbage = await connectTcp(proxy.port);
    await garbage.write("hello\n");
    await garbage.untilGone();
    await proxy.log.first(
      knows
        ? new RegExp(`${FAILED}- error=bad_client_hello reason="not a TLS handshake"$`)
        : new RegExp(`${FAILED}- error=handshake_failed reason="[^"]+"$`),
    );
    // one that trusts nobody tells so after it has seen the certificate
    const distrusting = ["-sS", "--tls-max", "1.2", `https://localhost:${proxy.port}/`];
    assert.equal((await run("curl", distrusting)).code, 60);
    const sni = ENGINE_CAN[engine].has("sni_facts") ? "localhost" : "-";
    await proxy.log.first(
      new RegExp(`${FAILED}${sni} error=handshake_failed reason="[^"]*(UnknownCA|unknown)[^"]*"$`),
    );
  });

  Deno.test(`the log tells nothing of who connects and closes, which is counted (${engine})`, async () => {
    await using backend = await startHttp();
    await using proxy = await startConfigured({
      engine,
      backends: { default: backend.address },
      settings: { admin: { listen: "127.0.0.1:0" } },
    });
    const [, admin = ""] = await proxy.says.first(/admin page: (http:\S+)\/$/);
    for (let i = 0; i < 20; i++) (await connectTcp(proxy.port)).close();
    for (let i = 0; i < 10; i++) {
      using polite = await connectTcp(proxy.port);
      await polite.end();
      await polite.untilGone();
    }
    await eventually(async () => {
      const metrics = await (await fetch(`${admin}/metrics`)).text();
      return /^tls_proxy_probes_total 30$/m.test(metrics) || undefined;
    }, "all to be counted");
    const status = await (await fetch(`${admin}/status`)).json();
    assert.deepEqual([status.probes, status.handshakeFailures.total], [30, 0]);
    assert.equal(proxy.log.text, "");
  });

  Deno.test(`the log tells whose fault a failed request was (${engine})`, async () => {
    const refusing = `127.0.0.1:${await unusedPort()}`;
    await using proxy = await startProxyFor({ engine, backend: refusing });
    using client = await connectTls(proxy.port);
    await client.write(encodeRequest("/a"));
    assert.equal((await readAnswer(client)).status, 502);
    await client.write("nonsense\r\n\r\n");
    await client.end();
    assert.equal((await readAnswer(client)).status, 400);
    await client.readRest();
    await proxy.log.first(/ end /);
    const [, failed, ...rest] = proxy.log.all;
    assert.match(
      failed ?? "",
      new RegExp(
        ` warning server failed backend=default server=${refusing} error=connect_failed reason=`,
      ),
    );
    assert.match(
      rest[0] ?? "",
      / warning request .* target=\/a status=502 .* error=connect_failed /,
    );
    assert.match(
      rest[1] ?? "",
      / info request .* host=- method=- target=- status=400 .* error=bad_request_line reason="/,
    );
  });

  Deno.test(`nobody can write a line of the log (${engine})`, async () => {
    await using backend = await startHttp();
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const { ca } = await testCertificates();
    const forged = "2000-01-01T00:00:00.000Z info request forged=yes";
    const names = [
      `a\n${forged}`,
      "a b",
      'a"b',
      "\x1b[31mred",
      "a\\nb",
      "ü.example",
      `${"a".repeat(63)}.b`,
    ];
    for (const name of names) {
      await run("openssl", [
        ...["s_client", "-connect", `127.0.0.1:${proxy.port}`, "-servername", name, "-CAfile", ca],
      ], { input: "" });
    }
    const targets = ['/"%0a', "/\\n", "/=x info forged=yes"];
    for (const target of [...targets, `/${"a".repeat(2000)}`]) {
      using client = await connectTls(proxy.port);
      await client.write(`GET ${target} HTTP/1.1\r\nHost: a\r\nUser-Agent: ${forged}\r\n\r\n`);
      await readAnswer(client);
    }
    using client = await connectTls(proxy.port);
    await client.write(`GET / HTTP/1.1\r\nHost: a\n${forged}\r\n\r\n`);
    await readAnswer(client);
    await client.readRest();
    await proxy.log.first(/ request .*status=400 .*LF stands without/);
    for (const line of proxy.log.all) {
      assert.match(line, new RegExp(`^${TIME} (info|warning) (handshake|request|end) [ -~]*$`));
      assert.doesNotMatch(line, /^2000|[^"]forged=/);
      assert.ok(line.length < 800, line);
    }
    assert.equal(proxy.log.matching(/ target="\/\\"%0a" /).length, 1);
    assert.equal(proxy.log.matching(/ target="\/\\\\n" /).length, 1);
    assert.equal(proxy.log.matching(/ target=\/a{199}\.\.\. /).length, 1);
  });
}

Deno.test("the log leaves out what it is told to", async () => {
  await using backend = await startHttp();
  const { ec, ca } = await testCertificates();
  const CASES: readonly [flags: readonly string[], kinds: readonly string[]][] = [
    [["--no-access-log"], []],
    [["--no-tls-log"], ["request", "end"]],
    [["--log-level", "warning"], []],
    [[], ["handshake", "request", "end"]],
  ];
  for (const [flags, kinds] of CASES) {
    await using proxy = await startProxy([
      ...["--listen", "127.0.0.1:0", "--backend", backend.address],
      ...["--cert", ec.cert, "--key", ec.key, "--engine", "openssl", ...flags],
    ]);
    await runOk("curl", ["-sS", "--cacert", ca, `https://localhost:${proxy.port}/`]);
    // what is no everyday thing is told in any case
    await run("curl", ["-sS", `http://localhost:${proxy.port}/`]);
    await proxy.log.first(/ warning handshake failed /);
    const told = proxy.log.all.slice(0, -1).map((line) => line.split(" ")[2]);
    assert.deepEqual(told, kinds, flags.join(" "));
  }
});

Deno.test("who connects without TLS and says nothing is counted, not told of", async () => {
  await using backend = await startHttp();
  const KINDS = ["tls: false", "tls: false, http2: false", "redirect: https"];
  for (const kind of KINDS) {
    await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0", ${kind} }]
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ backend: a }]
limits: { connections: 6 }
workers: 1
admin: { listen: "127.0.0.1:0" }
`);
    const [, admin = ""] = await proxy.says.first(/admin page: (http:\S+)\/$/);
    const probes = async () => (await (await fetch(`${admin}/status`)).json()).probes;
    using polite = await connectTcp(proxy.port);
    await polite.end();
    await polite.untilGone();
    using rude = await connectTcp(proxy.port);
    // else it has gone before it is accepted
    await eventually(async () => {
      const status = await (await fetch(`${admin}/status`)).json();
      return status.connections.open === 1 || undefined;
    }, "it to be open");
    rude.reset();
    await eventually(async () => await probes() === 2 || undefined, "both to be counted");
    // who is in the way of others says no more
    const silent = await Promise.all(Array.from({ length: 6 }, () => connectTcp(proxy.port)));
    await Promise.all(silent.slice(0, 2).map((connection) => connection.untilGone()));
    for (const connection of silent) connection.close();
    await eventually(async () => await probes() === 8 || undefined, "all to be counted");
    const socket = await openTcp(proxy.port);
    using cut = new TestConnection(nodeTransport(socket, () => socket.resetAndDestroy()));
    await cut.write("P");
    await allRead(socket);
    cut.reset();
    const said = await proxy.log.count(/./, 2);
    assert.match(said[0] ?? "", / warning connections refused .*limit=handshakes/, kind);
    assert.match(said[1] ?? "", / info end .* in=1 out=0 requests=0 .*how="client_gone: /, kind);
  }
});

/** Waits until what was sent on a connection to this machine has been read: a reset destroys the rest. */
async function allRead({ localPort = 0, remotePort = 0 }: Socket): Promise<void> {
  const hex = (port: number) => `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const ends = [[localPort, remotePort], [remotePort, localPort]] as const;
  await eventually(async () => {
    const table = await runOk("cat", ["/proc/net/tcp"]);
    // of either end what is on its way, and what has come and was not read
    const isEmpty = ends.every(([from, to]) =>
      new RegExp(`${hex(from)} ${hex(to)} \\S+ 0{8}:0{8} `).test(table)
    );
    return isEmpty || undefined;
  }, "what was sent to be read");
}

Deno.test("a connection's end tells how many requests were answered, by every version", async () => {
  await using backend = await startBackend(async (connection) => {
    await readRequestHead(connection);
    await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut");
  });
  await using proxy = await startConfigured({
    backends: { default: backend.address },
    settings: { limits: { header_bytes: "1KiB" } },
  });
  const ASKED = { "cut short": ["x", 0], "refused for its head": ["x".repeat(1500), 1] } as const;
  for (const [name, [value, requests]] of Object.entries(ASKED)) {
    using one = await connectTls(proxy.port);
    await one.write(encodeRequest("/", { fields: [`X: ${value}`] }));
    await one.untilGone();
    one.close();
    using two = await Http2Client.connect(proxy.port);
    await two.ask(1, "/", { fields: [["x", value]] });
    await two.answer(1);
    two.connection.close();
    const ends = await proxy.log.count(new RegExp(` end .* requests=${requests} `), 2);
    assert.equal(ends.length, 2, name);
  }
});
