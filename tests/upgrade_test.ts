import assert from "node:assert/strict";
import { startBackend, startHttp, type TestBackend } from "./support/backends.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import type { TestConnection } from "./support/connection.ts";
import { eventually, pause } from "./support/deadline.ts";
import { encodeAnswer, encodeRequest, readAnswer, readRequest, valuesOf } from "./support/http.ts";
import { ENGINE_CAN, ENGINES, startProxyFor, stopProxy } from "./support/start_proxy.ts";
import { connectNodeTls, connectTls } from "./support/tls_client.ts";

const ASKS = ["Connection: keep-alive, Upgrade", "Upgrade: chat/1, websocket"];
const SWITCHES =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat/1\r\nX-A: b\r\n\r\n";

/** A server that switches protocols and then does this. */
function startSwitching(
  then: (connection: TestConnection) => Promise<unknown>,
  { first = "", brokenOff = false } = {},
): Promise<TestBackend> {
  return startBackend(async (connection) => {
    const request = await readRequest(connection);
    assert.deepEqual(valuesOf(request ?? { fields: [] }, "Upgrade"), ["chat/1, websocket"]);
    assert.deepEqual(valuesOf(request ?? { fields: [] }, "Connection"), ["upgrade"]);
    await connection.write(SWITCHES + first);
    await then(connection);
  }, { brokenOff });
}

async function ask(client: TestConnection, more = ""): Promise<string> {
  await client.write(encodeRequest("/chat", { fields: ASKS }) + more);
  return await client.readUntil("\r\n\r\n");
}

for (const engine of ENGINES) {
  Deno.test(`an upgrade becomes a tunnel with half-close both ways (${engine})`, async () => {
    await using backend = await startSwitching(async (connection) => {
      assert.equal(await connection.readText(9), "\0early\r\n\n");
      await connection.write("\x01\xff");
      await connection.end();
      assert.equal(await connection.readRest(), "late");
    }, { first: "GET / HTTP/1.1\r\n\r\n" });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    // an upgrade may come behind other requests, and bytes behind it are for the server
    const head = await ask(client, "\0early\r\n\n");
    assert.match(head, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
    assert.match(head, /\r\nX-A: b\r\n/);
    assert.match(head, /\r\nConnection: upgrade\r\n/i);
    assert.match(head, /\r\nUpgrade: chat\/1\r\n/i);
    assert.equal(await client.readRest(), "GET / HTTP/1.1\r\n\r\n\x01\xff");
    await client.write("late");
    await client.end();
    const [line] = await proxy.log.first(/ info request .*target=\/chat status=101 .*/);
    const sent = encodeRequest("/chat", { fields: ASKS }).length + 13;
    assert.match(line, new RegExp(` in=${sent} out=${head.length + 20} .*error=-`));
    await proxy.log.first(/ info end .* requests=1 .*how=done$/);
    await backend.allGone();
  });

  Deno.test(`an upgrade follows other requests, and nothing follows it (${engine})`, async () => {
    let answer = "";
    await using backend = await startHttp(({ target }) =>
      target === "/" ? encodeAnswer("x") : answer
    );
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    for (answer of [encodeAnswer("no", { status: 426 }), encodeAnswer("yes")]) {
      using client = await connectTls(proxy.port);
      await client.write(encodeRequest("/") + encodeRequest("/chat", { fields: ASKS }));
      assert.equal((await readAnswer(client)).body, "x");
      const before = backend.requests.length;
      await client.write(encodeRequest("/smuggled"));
      const other = await readAnswer(client);
      assert.deepEqual(valuesOf(other, "Connection"), ["close"]);
      assert.equal(await client.readRest(), "");
      assert.ok(backend.requests.length <= before + 1);
    }
    assert.deepEqual(backend.requests.map(({ target }) => target), ["/", "/chat", "/", "/chat"]);
  });

  Deno.test(`a tunnel behind another request comes to its end (${engine})`, async () => {
    await using backend = await startBackend(async (connection) => {
      for (let request; (request = await readRequest(connection)) !== undefined;) {
        if (request.target === "/") await connection.write(encodeAnswer("x"));
        else {
          await connection.write(SWITCHES);
          assert.equal(await connection.readRest(), "bye");
          return;
        }
      }
    });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    await client.write(encodeRequest("/"));
    assert.equal((await readAnswer(client)).body, "x");
    await ask(client, "bye");
    await client.end();
    assert.equal(await client.readRest(), "");
    await proxy.log.first(/ info end .* requests=2 .*how=done$/);
  });

  Deno.test(`an upgrade that is not let through is served as HTTP (${engine})`, async () => {
    await using backend = await startHttp((request) =>
      encodeAnswer(`${request.target} ${request.body}`)
    );
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    const h2c = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"];
    await client.write(
      encodeRequest("/1", { fields: h2c }) +
        encodeRequest("/2", { method: "POST", fields: ASKS, body: "body" }) +
        "GET /3 HTTP/1.0\r\nConnection: upgrade, keep-alive\r\nUpgrade: websocket\r\n\r\n" +
        encodeRequest("/4"),
    );
    for (const body of ["/1 ", "/2 body", "/3 ", "/4 "]) {
      assert.equal((await readAnswer(client)).body, body);
    }
    for (const { head } of backend.requests) {
      assert.doesNotMatch(head, /^(connection|upgrade|http2-settings):/im);
    }
  });

  Deno.test(`a switch that was not asked for is a 502 (${engine})`, async () => {
    await using backend = await startBackend(async (connection) => {
      await readRequest(connection);
      await connection.write(SWITCHES + "poison");
      await connection.untilGone();
    }, { brokenOff: true });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const UNASKED = [[], ["Connection: upgrade", "Upgrade: websocket"], ["Upgrade: chat/1"]];
    for (const fields of UNASKED) {
      using client = await connectTls(proxy.port);
      await client.write(encodeRequest("/", { fields }));
      const answer = await readAnswer(client);
      assert.deepEqual([answer.status, answer.interim], [502, []]);
      assert.match(answer.body, /^502 Bad Gateway\nrequest \S+\n$/);
    }
    await proxy.log.count(/ error=bad_response reason="The server switched protocols, unasked"/, 3);
    await backend.allGone();
  });

  Deno.test(`a tunnel ends when nothing moves in it either way (${engine})`, async () => {
    await using backend = await startSwitching(async (connection) => {
      await connection.write("ready");
      await connection.untilGone();
    }, { brokenOff: true });
    await using proxy = await startConfigured({
      engine,
      backends: { default: backend.address },
      settings: { timeouts: { tunnel_idle: "1s", body_idle: "300ms", keep_alive: "300ms" } },
    });
    using client = await connectTls(proxy.port);
    await ask(client);
    await client.readUntil("ready");
    const started = performance.now();
    // the client's bytes keep it open beyond the limit, though the server says nothing
    for (let sent = 0; performance.now() - started < 1500; sent++) {
      await client.write("x");
      await pause(100);
    }
    assert.equal(proxy.log.matching(/status=101/).length, 0);
    await client.untilGone();
    await proxy.log.first(/ info request .*status=101 .*error=idle_timeout .* 1 s/);
    await proxy.log.first(/ info end .*how="idle_timeout: /);
    await backend.allGone();
  });

  Deno.test(`a client that does not take its 101 is left (${engine})`, async () => {
    // more than the system takes for a client that reads nothing
    const long = `X-Long: ${"a".repeat(12_000_000)}\r\n\r\n`;
    await using backend = await startBackend(async (connection) => {
      await readRequest(connection);
      await connection.write(SWITCHES.replace("X-A: b\r\n\r\n", long)).catch(() => {});
      await connection.untilGone();
    }, { brokenOff: true });
    await using proxy = await startConfigured({
      engine,
      backends: { default: { servers: [backend.address], limits: { header_bytes: "16MiB" } } },
      settings: { timeouts: { body_idle: "500ms" } },
    });
    using client = await connectTls(proxy.port);
    await client.write(encodeRequest("/chat", { fields: ASKS }));
    await backend.allGone();
    await proxy.log.first(
      / request .*status=101 .*error=idle_timeout reason="Nothing was taken for /,
    );
  });

  Deno.test(`a tunnel breaks off on one side as on the other (${engine})`, async () => {
    await using backend = await startSwitching(async (connection) => {
      if (await connection.readText(1) === "r") return connection.reset();
      await connection.untilGone();
    }, { brokenOff: true });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const before = await proxy.openFiles();
    using client = await connectTls(proxy.port);
    await ask(client);
    await client.write("r");
    const toldByTls = await client.readRest().then(() => false, () => true);
    assert.equal(toldByTls, ENGINE_CAN[engine].has("truncation_shown"));
    await proxy.log.first(/ request .*status=101 .*error=upstream_gone/);
    assert.deepEqual(proxy.log.matching(/server failed/), [], "that is no failure of the server");

    const { connection: leaving } = await connectNodeTls(proxy.port);
    await ask(leaving);
    await leaving.write("x");
    leaving.reset();
    await backend.allGone();
    await proxy.log.count(/ info end /, 2);
    client.close();
    await eventually(
      async () => await proxy.openFiles() <= before + 1 || undefined,
      `no more than ${before + 1} open files`,
    );
  });

  Deno.test(`a stop lets tunnels run until the drain time is over (${engine})`, async () => {
    await using backend = await startSwitching(async (connection) => {
      for (let some; (some = await connection.readSome()) !== undefined;) {
        await connection.write(some);
      }
    }, { brokenOff: true });
    await using proxy = await startConfigured({
      engine,
      backends: { default: backend.address },
      settings: { timeouts: { drain: "1s" } },
    });
    using staying = await connectTls(proxy.port);
    using ending = await connectTls(proxy.port);
    for (const client of [staying, ending]) await ask(client);
    const stopped = stopProxy(proxy);
    await proxy.says.first(/SIGTERM: draining/);
    for (const client of [staying, ending]) {
      await client.write("ping");
      assert.equal(await client.readText(4), "ping");
    }
    await ending.end();
    assert.equal(await ending.readRest(), "");
    await staying.untilGone();
    assert.equal(await stopped, 0);
    assert.match(proxy.says.text, /: 1 connection was cut off$/m);
    assert.match(proxy.log.text, / request .*status=101 .*error=draining/);
  });
}

Deno.test("answer rules hold for a switch of protocols too", async () => {
  await using backend = await startSwitching((connection) => connection.untilGone());
  await using proxy = await startConfigured({
    backends: { default: backend.address },
    settings: {
      routes: [{
        backend: "default",
        response_headers: { set: { "X-Who": "{host}{path}" }, remove: ["X-A"] },
      }],
    },
  });
  using client = await connectTls(proxy.port);
  const head = await ask(client);
  assert.match(head, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
  assert.match(head, /\r\nUpgrade: chat\/1\r\n/);
  assert.match(head, /\r\nX-Who: localhost\/chat\r\n/);
  assert.doesNotMatch(head, /X-A/);
  await client.end();
  await backend.allGone();
});
