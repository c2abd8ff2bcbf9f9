import assert from "node:assert/strict";
import { startBackend } from "./support/backends.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { eventually, pause } from "./support/deadline.ts";
import {
  encodeAnswer,
  encodeRequest,
  readAnswer,
  readRequest,
  readRequestHead,
} from "./support/http.ts";
import { Http2Client } from "./support/http2_client.ts";
import { headers, joined, opening, requestFields } from "./support/http2_frames.ts";
import { startNodeHttp2 } from "./support/node_http2_server.ts";
import { ENGINES } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";

/** As many as the tests of a request may bring. */
const MOST = 1000;

const HINT = `HTTP/1.1 103 Early Hints\r\nLink: </${"a".repeat(300)}>\r\n\r\n`;

/** A server whose answer to `/n` comes behind so many interim ones, all in one piece. */
function startHinting() {
  return startBackend(async (connection) => {
    for (let request; (request = await readRequest(connection)) !== undefined;) {
      const hints = HINT.repeat(Number(request.target.slice(1)));
      await connection.write(hints + encodeAnswer("at last"));
    }
  }, { brokenOff: true });
}

/** The same by HTTP/2. */
function startHintingHttp2() {
  return startNodeHttp2(`
    for (let i = 0; i < Number(head[":path"].slice(1)); i++) stream.additionalHeaders({ ":status": 103 });
    stream.respond({ ":status": 200 });
    stream.end("at last");
  `);
}

function behindHttp2({ address }: { readonly address: string }) {
  return {
    backends: { default: { servers: [address], protocol: "h2", ejection: { failures: 0 } } },
  };
}

for (const engine of ENGINES) {
  Deno.test(`interim answers go on, however many come at once, up to a bound (${engine})`, async () => {
    await using server = await startHinting();
    await using proxy = await startConfigured({
      engine,
      backends: { default: { servers: [server.address], ejection: { failures: 0 } } },
    });
    using client = await connectTls(proxy.port);
    for (const count of [3, MOST, 0, 100]) {
      await client.write(encodeRequest(`/${count}`));
      const { status, body, interim } = await readAnswer(client);
      assert.deepEqual([status, body, interim.length], [200, "at last", count]);
    }
    await client.write(encodeRequest(`/${MOST + 1}`));
    assert.equal((await readAnswer(client)).status, 502);
    await proxy.log.first(/ request .*status=502 .*error=bad_response /);
    using old = await connectTls(proxy.port);
    await old.write(`GET /${MOST} HTTP/1.0\r\nHost: localhost\r\n\r\n`);
    const { status, interim } = await readAnswer(old);
    assert.deepEqual([status, interim.length], [200, 0]);
    using modern = await Http2Client.connect(proxy.port);
    const answer = await modern.get(1, `/${MOST}`);
    assert.deepEqual([answer.status, answer.body, answer.interim.length], [200, "at last", MOST]);
    assert.equal((await modern.get(3, `/${MOST + 1}`)).status, 502);
  });
}

Deno.test("a server by HTTP/2 that gives nothing but interim answers is left", async () => {
  await using server = await startHintingHttp2();
  await using proxy = await startConfigured(behindHttp2(server));
  using client = await connectTls(proxy.port);
  for (const [count, expected] of [[3, 200], [2 * MOST, 502], [3, 200]] as const) {
    await client.write(encodeRequest(`/${count}`));
    assert.equal((await readAnswer(client)).status, expected);
  }
});

Deno.test("many interim answers of many requests end no connection by HTTP/2 that these share", async () => {
  await using server = await startHintingHttp2();
  await using proxy = await startConfigured({ ...behindHttp2(server), settings: { workers: 1 } });
  using client = await connectTls(proxy.port);
  for (let request = 0; request < 40; request++) {
    await client.write(encodeRequest("/90"));
    const { status, interim } = await readAnswer(client);
    assert.deepEqual([status, interim.length], [200, 90], `request ${request}`);
  }
});

Deno.test("interim answers by HTTP/2 wait for a client that does not read", async () => {
  const hint = HINT.replace("a".repeat(300), "a".repeat(15_000));
  let moved = 0;
  await using server = await startBackend(async (connection) => {
    while (await connection.hasMore()) {
      const { target } = await readRequestHead(connection);
      for (let i = 0; i < Number(target.slice(1)); i++, moved++) await connection.write(hint);
      await connection.write(encodeAnswer("at last"));
    }
  }, { brokenOff: true });
  await using proxy = await startConfigured({ backends: { default: server.address } });
  using client = await connectTls(proxy.port, ["h2"]);
  const ask = (id: number, count: number) => {
    const fields = requestFields({ ":path": `/${count}`, ":authority": "localhost" });
    return headers(id, fields, { ended: true });
  };
  await client.write(joined([opening(), ask(1, 3)]));
  await eventually(() => moved === 3 || undefined, "the first answer");
  const atRest = await proxy.memory();
  const ids = [3, 5, 7, 9, 11, 13, 15, 17, 19, 21];
  await client.write(joined(ids.map((id) => ask(id, MOST))));
  let peak = atRest;
  for (let before = -1; moved !== before;) {
    before = moved;
    await pause(1_000);
    peak = Math.max(peak, await proxy.memory());
  }
  assert.ok(moved > 3);
  // 150 MB, if nobody stopped them
  assert.ok(peak - atRest < 70_000_000, `from ${atRest} to ${peak} bytes`);
});

Deno.test("an answer of the proxy's own goes whole behind interim answers that wait", async () => {
  const hint = HINT.replace("a".repeat(300), "a".repeat(15_000));
  await using server = await startBackend(async (connection) => {
    while (await connection.hasMore()) {
      const { target } = await readRequestHead(connection);
      for (let i = 0; i < Number(target.slice(1)); i++) await connection.write(hint);
      if (target === "/0") await connection.write(encodeAnswer("at last"));
    }
  }, { brokenOff: true });
  const patience = { response: "2s" };
  await using proxy = await startConfigured({
    backends: { default: { servers: [server.address], timeouts: patience } },
  });
  const connection = await connectTls(proxy.port, ["h2"]);
  const fields = requestFields({ ":path": `/${MOST}`, ":authority": "localhost" });
  await connection.write(joined([opening(), headers(1, fields, { ended: true })]));
  // its server's time is over before it takes anything
  await pause(4_000);
  using client = new Http2Client(connection);
  const { status, interim, body } = await client.answer(1);
  assert.equal(status, 504);
  assert.ok(interim.length > 3);
  assert.match(body, /504/);
  assert.equal((await client.get(3, "/0")).body, "at last");
});
