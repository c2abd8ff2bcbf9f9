import assert from "node:assert/strict";
import { startBackend } from "./support/backends.ts";
import { FAST_CHECKS, startConfigured } from "./support/configured_proxy.ts";
import { eventually } from "./support/deadline.ts";
import { encodeAnswer, encodeRequest, readAnswer, readRequest } from "./support/http.ts";
import { readProxyHeader, type SeenProxyHeader } from "./support/proxy_header.ts";
import { connectNodeTls } from "./support/tls_client.ts";

for (const version of [1, 2] as const) {
  const proxy_protocol = `v${version}`;

  Deno.test(`tcp servers are told of their clients by PROXY version ${version}`, async () => {
    let seen: SeenProxyHeader | undefined;
    await using backend = await startBackend(async (connection) => {
      seen = await readProxyHeader(connection);
      await connection.write(`you said ${await connection.readRest()}`);
    });
    const api = { servers: [backend.address], proxy_protocol };
    await using proxy = await startConfigured({ mode: "tcp", backends: { api } });
    const { connection } = await connectNodeTls(proxy.port, {}, {
      localAddress: "127.0.7.7",
    });
    using client = connection;
    await client.write("hello");
    await client.end();
    assert.equal(await client.readRest(), "you said hello");
    assert.equal(seen?.version, version);
    assert.equal(seen.command, "PROXY");
    assert.match(seen.source ?? "", /^127\.0\.7\.7:\d+$/);
    assert.equal(seen.target, `127.0.0.1:${proxy.port}`);
    if (version === 2) {
      assert.equal(seen.vectors.get(0x02), "localhost");
      const ssl = seen.vectors.get(0x20) ?? "";
      assert.ok(ssl.startsWith("\x01\0\0\0\x01\x21\0\x07TLSv1.3\x23\0"), ssl);
    }
  });

  Deno.test(`http servers never serve two clients on one connection with ${version}`, async () => {
    const headers: SeenProxyHeader[] = [];
    await using backend = await startBackend(async (connection) => {
      headers.push(await readProxyHeader(connection));
      while (await readRequest(connection) !== undefined) {
        await connection.write(encodeAnswer("x"));
      }
    });
    const api = { servers: [backend.address], proxy_protocol };
    await using proxy = await startConfigured({ backends: { api } });
    for (const localAddress of ["127.0.7.1", "127.0.7.2"]) {
      const { connection } = await connectNodeTls(proxy.port, {}, { localAddress });
      using client = connection;
      for (let i = 0; i < 2; i++) {
        await client.write(encodeRequest("/"));
        assert.equal((await readAnswer(client)).status, 200);
      }
    }
    const from = headers.map(({ source }) => source?.replace(/:\d+$/, ""));
    assert.deepEqual(from, ["127.0.7.1", "127.0.7.1", "127.0.7.2", "127.0.7.2"]);
  });

  Deno.test(`health checks speak PROXY version ${version} for nobody`, async () => {
    const headers: SeenProxyHeader[] = [];
    await using backend = await startBackend(async (connection) => {
      headers.push(await readProxyHeader(connection));
      await readRequest(connection);
      await connection.write(encodeAnswer("x"));
    }, { brokenOff: true });
    const health = { type: "http", ...FAST_CHECKS };
    const api = { servers: [backend.address], proxy_protocol, health };
    await using proxy = await startConfigured({ backends: { api } });
    await eventually(() => headers.length > 1 || undefined, "two checks");
    assert.equal(headers[0]?.command, version === 1 ? "PROXY" : "LOCAL");
    assert.equal(headers[0].source, undefined);
    assert.equal(proxy.log.matching(/ server down /).length, 0);
  });
}
