import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { startBackend } from "./support/backends.ts";
import { startBrowser } from "./support/browser.ts";
import { within } from "./support/deadline.ts";
import { startFirefox } from "./support/firefox.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { encodeAnswer, readRequestHead, valuesOf } from "./support/http.ts";
import { fieldOf, Http2Client } from "./support/http2_client.ts";
import {
  data,
  frame,
  headers,
  type RawField,
  requestFields,
  resetFrame,
} from "./support/http2_frames.ts";
import { ECHO_FRAMES, startNodeHttp2 } from "./support/node_http2_server.ts";
import { startProxyFor } from "./support/start_proxy.ts";
import { ERROR, FRAME, SETTING } from "../lib/http2/wire.ts";

/** WebSocket over HTTP/2 (RFC 8441), mostly to servers that speak HTTP/1.1. */

const CONNECT: readonly RawField[] = [
  ["sec-websocket-version", "13"],
  ["sec-websocket-protocol", "chat"],
  ["origin", "https://localhost"],
];

function connectFrame(id: number, path: string, changes: Record<string, string> = {}): Uint8Array {
  const pseudo = { ":method": "CONNECT", ":protocol": "websocket", ":path": path, ...changes };
  return headers(id, requestFields({ ":authority": "localhost", ...pseudo }, CONNECT), {
    ended: false,
  });
}

/** RFC 6455, section 4.2.2. */
function acceptFor(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}

/** A server that switches, and then sends back what it gets. */
function startSwitching() {
  return startBackend(async (connection) => {
    const request = await readRequestHead(connection);
    if (request.target === "/refused") {
      return await connection.write(encodeAnswer("no", { status: 403 }));
    }
    if (request.target === "/ignored") return await connection.write(encodeAnswer("plain"));
    const [key = ""] = valuesOf(request, "Sec-WebSocket-Key");
    const accept = acceptFor(request.target === "/unproved" ? "another" : key);
    assert.equal(request.method, "GET");
    assert.deepEqual(valuesOf(request, "Upgrade"), ["websocket"]);
    assert.deepEqual(valuesOf(request, "Connection"), ["upgrade"]);
    assert.equal(atob(key).length, 16);
    await connection.write([
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n",
      `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: chat\r\n\r\n`,
    ].join(""));
    for (let some; (some = await connection.readSome()) !== undefined;) {
      await connection.write(some);
      if (request.target === "/once") await connection.end();
    }
  }, { brokenOff: true });
}

Deno.test("an extended CONNECT carries bytes both ways, and its end", async () => {
  await using backend = await startSwitching();
  await using proxy = await startProxyFor({ engine: "deno", backend: backend.address });
  using client = await Http2Client.connect(proxy.port);
  await client.until(() => client.frames.length > 0 || undefined, "settings");
  const { payload } = client.frames[0] as (typeof client.frames)[number];
  const offered = Array.from({ length: payload.length / 6 }, (_, i) => payload[i * 6 + 1]);
  assert.ok(offered.includes(SETTING.enableConnectProtocol));
  await client.send(connectFrame(1, "/ws"), data(1, "at once"));
  await client.until(() => client.seen(1).body === "at once" || undefined, "an echo");
  const { status, fields } = client.seen(1);
  assert.equal(status, 200);
  assert.equal(fieldOf(fields, "sec-websocket-protocol"), "chat");
  assert.equal(fieldOf(fields, "sec-websocket-accept") ?? fieldOf(fields, "upgrade"), undefined);
  // much of it, and others beside it
  for (let i = 0; i < 10; i++) await client.send(data(1, `${i}`.repeat(5000)));
  await client.until(() => client.seen(1).body.length === 50_007 || undefined, "echoes");
  await client.send(connectFrame(3, "/ws"), data(3, "another"));
  await client.until(() => client.seen(3).body === "another" || undefined, "another echo");
  await client.send(data(1, "", true));
  assert.equal((await client.answer(1)).ended, true);
  await client.send(resetFrame(3, ERROR.cancel));
  await backend.allGone();
  await proxy.log.count(/ request .*method=GET target=\/ws status=101 .*version=2/, 2);
  const bytes = connectFrame(3, "/ws").length + data(3, "another").length;
  await proxy.log.first(new RegExp(` status=101 in=${bytes} .*error=client_gone `));
});

Deno.test("a stream is not credited with what an upload before it was reset with", async () => {
  await using backend = await startSwitching();
  await using stuck = await startNodeHttp2(`tell("asked")`, { initialWindowSize: 0 });
  await using proxy = await startConfigured({
    engine: "deno",
    backends: {
      default: backend.address,
      stuck: { servers: [stuck.address], protocol: "h2" },
    },
  });
  using client = await Http2Client.connect(proxy.port);
  await client.ask(1, "/stuck", { method: "POST", ended: false });
  await stuck.lines.first(/^asked/);
  await client.send(data(1, "x".repeat(4000)), frame(FRAME.ping, { payload: new Uint8Array(8) }));
  await client.until(
    () => client.frames.find(({ type }) => type === FRAME.ping),
    "a PING's answer",
  );
  await client.send(resetFrame(1, ERROR.cancel));
  // as much as is told of only together with that
  const much = "y".repeat(30_000);
  await client.send(connectFrame(3, "/ws"), ...[0, 1].map(() => data(3, much.slice(15_000))));
  await client.until(() => client.seen(3).body === much || undefined, "an echo");
  const granted = client.frames.filter(({ type, id }) => type === FRAME.windowUpdate && id === 3);
  assert.deepEqual(granted, []);
});

Deno.test("a server that has not read the key is no WebSocket (RFC 6455 4.1)", async () => {
  await using backend = await startSwitching();
  await using proxy = await startProxyFor({ engine: "deno", backend: backend.address });
  using client = await Http2Client.connect(proxy.port);
  await client.send(connectFrame(1, "/unproved"));
  assert.equal((await client.answer(1)).status, 502);
  await proxy.log.first(/ warning request .*target=\/unproved status=502 .*error=bad_response/);
});

Deno.test("a server that does not switch is no tunnel", async () => {
  await using backend = await startSwitching();
  await using proxy = await startProxyFor({ engine: "deno", backend: backend.address });
  using client = await Http2Client.connect(proxy.port);
  await client.send(connectFrame(1, "/refused"), connectFrame(3, "/ignored"));
  await client.send(connectFrame(5, "/ws", { ":protocol": "connect-udp" }));
  assert.equal((await client.answer(1)).status, 403);
  const ignored = await client.answer(3);
  assert.match(`${ignored.status} ${ignored.body}`, /^502 502 Bad Gateway\n/);
  await proxy.log.first(/ warning request .*target=\/ignored status=502 .*error=bad_response/);
  // which it may, and is as well as before
  assert.deepEqual(proxy.log.matching(/ server failed /), []);
  assert.equal((await client.answer(5)).status, 405);
});

Deno.test("a route for upgrades is for an extended CONNECT, too", async () => {
  await using backend = await startSwitching();
  await using proxy = await startConfigured({
    backends: { sockets: backend.address },
    settings: {
      routes: [
        { headers: { Upgrade: "websocket" }, backend: "sockets" },
        { respond: { status: 403, body: "pages" } },
      ],
    },
  });
  using client = await Http2Client.connect(proxy.port);
  await client.send(connectFrame(1, "/ws"), data(1, "hello"));
  await client.until(() => client.seen(1).body !== "" || undefined, "an answer");
  assert.deepEqual([client.seen(1).status, client.seen(1).body], [200, "hello"]);
  await client.ask(3, "/ws");
  assert.equal((await client.answer(3)).body, "pages");
});

Deno.test("an answer of a route's own is no tunnel", async () => {
  await using proxy = await startConfigured({
    backends: {},
    settings: {
      routes: [
        { paths: ["/gone"], respond: { status: 410, body: "gone" } },
        { paths: ["/moved"], redirect: { to: "/elsewhere" } },
        { respond: { body: "hello" } },
      ],
    },
  });
  using client = await Http2Client.connect(proxy.port);
  await client.send(connectFrame(1, "/"), connectFrame(3, "/gone"), connectFrame(5, "/moved"));
  const { status, body } = await client.answer(1);
  assert.match(`${status} ${body}`, /^404 404 Not Found\nNo route opens a tunnel here\n/);
  await proxy.log.first(/ request .*target=\/ status=404 .*rule=respond .*error=no_route/);
  assert.equal((await client.answer(3)).status, 410);
  assert.equal((await client.answer(5)).status, 308);
});

Deno.test("a server that vanishes is seen to have gone", async () => {
  await using backend = await startSwitching();
  await using proxy = await startProxyFor({ engine: "deno", backend: backend.address });
  using client = await Http2Client.connect(proxy.port);
  await client.send(connectFrame(1, "/ws"), data(1, "x"));
  await client.until(() => client.seen(1).body === "x" || undefined, "an echo");
  backend.connections[0]?.reset();
  const { ended, reset } = await client.answer(1);
  assert.ok(reset !== undefined && !ended);
  assert.ok(!client.frames.some(({ type }) => type === FRAME.goaway));
});

Deno.test("a tunnel that its client resets does not look complete to its server", async () => {
  const { promise: heard, resolve: hear } = Promise.withResolvers<unknown>();
  await using backend = await startBackend(async (connection) => {
    const [key = ""] = valuesOf(await readRequestHead(connection), "Sec-WebSocket-Key");
    await connection.write([
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n",
      `Sec-WebSocket-Accept: ${acceptFor(key)}\r\n\r\n`,
    ].join(""));
    await connection.readRest().then(hear, hear);
  }, { brokenOff: true });
  await using proxy = await startProxyFor({ engine: "deno", backend: backend.address });
  using client = await Http2Client.connect(proxy.port);
  await client.send(connectFrame(1, "/ws"));
  await client.until(() => client.seen(1).status || undefined, "a tunnel");
  await client.send(data(1, "some"), resetFrame(1, ERROR.cancel));
  assert.match(String(await within(heard, "the end of a tunnel")), /ECONNRESET/);
});

Deno.test("a client that keeps its half open behind a server's end does not keep the stream", async () => {
  await using backend = await startSwitching();
  await using proxy = await startProxyFor({ engine: "deno", backend: backend.address });
  using client = await Http2Client.connect(proxy.port);
  // twice as many as may be open at a time, were all of them kept
  for (let round = 0; round < 4; round++) {
    const ids = Array.from({ length: 50 }, (_, i) => 100 * round + 2 * i + 1);
    for (const id of ids) await client.send(connectFrame(id, "/once"), data(id, "x"));
    for (const id of ids) {
      const { status, body, ended } = await client.answer(id);
      assert.deepEqual([status, body, ended], [200, "x", true]);
    }
    await backend.allGone();
  }
  await proxy.log.count(/ request .*target=\/once status=101 .* error=- /, 200);
  await client.send(connectFrame(401, "/ws"), data(401, "open"));
  await client.until(() => client.seen(401).body === "open" || undefined, "an echo");
  assert.ok(!client.frames.some(({ type }) => type === FRAME.goaway));
});

const BROWSERS = {
  Chromium: () => startBrowser({ anyCertificate: true }),
  Firefox: startFirefox,
};

for (const [name, start] of Object.entries(BROWSERS)) {
  Deno.test(`${name} loads 200 images, cancels, and opens a WebSocket, all by HTTP/2`, async () => {
    await using server = await startSite();
    await using proxy = await startProxyFor({ engine: "deno", backend: server.address });
    await using browser = await start();
    const page = await browser.open(`https://localhost:${proxy.port}/`);
    assert.ok(
      await page.evaluate(
        "document.images.length === 200 && [...document.images].every((i) => i.complete && i.naturalWidth === 1)",
      ),
    );
    assert.equal(
      await page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol"),
      "h2",
    );
    const cancelled = await page.evaluate(`(async () => {
      const abort = new AbortController();
      const asked = fetch("/never", { signal: abort.signal });
      await fetch("/asked");
      abort.abort();
      return await asked.then(() => "answered", (error) => error.name);
    })()`);
    assert.equal(cancelled, "AbortError");
    const echoed = await page.evaluate(`new Promise((resolve, reject) => {
      const socket = new WebSocket("wss://" + location.host + "/ws");
      socket.onopen = () => socket.send("hello ".repeat(20000));
      socket.onmessage = ({ data }) => { resolve(data.length); socket.close(); };
      socket.onerror = () => reject(new Error("failed"));
    })`);
    assert.equal(echoed, 120_000);
    // more than there may be streams at a time
    const opened = await page.evaluate(`(async () => {
      let count = 0;
      for (let i = 0; i < 120; i++) {
        await new Promise((resolve) => {
          const socket = new WebSocket("wss://" + location.host + "/ws");
          socket.onopen = () => { count++; socket.close(); };
          socket.onclose = resolve;
        });
      }
      return count;
    })()`);
    assert.equal(opened, 120);
    await proxy.log.first(/ request .*target=\/never .*error=client_gone .*version=2/);
    await proxy.log.first(/ request .*method=GET target=\/ws status=101 .*version=2/);
    const peers = new Set(
      proxy.log.matching(/ request .*target=\/image/).map((line) => /peer=(\S+)/.exec(line)?.[1]),
    );
    assert.equal(peers.size, 1, "one connection for all");
  });
}

Deno.test("Chromium's WebSocket is HTTP/2 on both sides where the server has it", async () => {
  await using server = await startNodeHttp2(
    `
    if (head[":method"] === "GET") {
      stream.respond({ ":status": 200, "content-type": "text/html" });
      return stream.end("<!doctype html><title>page</title>");
    }
    ${ECHO_FRAMES}
  `,
    { enableConnectProtocol: true },
  );
  await using proxy = await startConfigured({
    engine: "deno",
    backends: { api: { servers: [server.address], protocol: "h2" } },
  });
  await using browser = await startBrowser({ anyCertificate: true });
  const page = await browser.open(`https://localhost:${proxy.port}/`);
  await page.until("document.title === 'page'", "the page");
  const echoed = await page.evaluate(`new Promise((resolve, reject) => {
    const socket = new WebSocket("wss://" + location.host + "/ws", ["chat"]);
    socket.onopen = () => socket.send("hello ".repeat(20000));
    socket.onmessage = ({ data }) => { resolve(data.length); socket.close(); };
    socket.onerror = () => reject(new Error("failed"));
  })`);
  assert.equal(echoed, 120_000);
  await server.lines.first(/^CONNECT websocket \/ws -$/);
  await proxy.log.first(/ request .*target=\/ws status=101 .*error=- .*version=2/);
});

/**
 * A page of 200 images, something that is never answered, what is answered once that has been asked
 * for, and a WebSocket that echoes.
 */
async function startSite() {
  const pixel = Uint8Array.fromBase64(
    "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
  );
  const images = Array.from({ length: 200 }, (_, i) => `<img src="/image/${i}" alt="">`).join("");
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const server = http.createServer(async (request, response) => {
    if (request.url === "/never") return ask();
    if (request.url === "/asked") await asked;
    if (request.url?.startsWith("/image/")) {
      response.setHeader("Content-Type", "image/gif");
      response.end(pixel);
    } else {
      response.setHeader("Content-Type", "text/html");
      response.end(`<!doctype html><title>images</title>${images}`);
    }
  });
  const sockets = new WebSocketServer({ server, path: "/ws" });
  sockets.on("connection", (socket) => socket.on("message", (text) => socket.send(String(text))));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const client of sockets.clients) client.terminate();
      sockets.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
