import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
// @ts-types="@types/ws"
import { WebSocket, WebSocketServer } from "ws";
import { AdminPage } from "./support/admin_page.ts";
import { startAnnounced } from "./support/announced_server.ts";
import { askOnce } from "./support/ask.ts";
import { createTestAuthority } from "./support/authority.ts";
import { autoBackend } from "./support/auto_backend.ts";
import { testCertificates } from "./support/certificates.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { eventually, within } from "./support/deadline.ts";
import { Http2Client } from "./support/http2_client.ts";
import { data, headers, requestFields } from "./support/http2_frames.ts";
import { httpInFolder, startNginx } from "./support/real_peers.ts";

/** WebSockets to servers that choose HTTP/2 by ALPN and have no extended CONNECT (RFC 8441). */

const authority = await createTestAuthority();
const { cert, key } = await authority.issue({ subject: "/CN=server", names: ["127.0.0.1"] });

const SEC_KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ASKING = ["Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];

/** What servers answer under `/version`. */
const BY_HTTP2 = /^HTTP\/2/;

interface WebSocketServerProcess extends AsyncDisposable {
  /** `host:port` */
  readonly address: string;
}

/** A server whose WebSockets another one has, as by HTTP/1.1 alone it can pass them on. */
async function nginx(): Promise<WebSocketServerProcess> {
  const application = http.createServer();
  const sockets = new WebSocketServer({ server: application });
  sockets.on("connection", (socket) => socket.on("message", (text) => socket.send(String(text))));
  await new Promise<void>((resolve) => application.listen(0, "127.0.0.1", resolve));
  const behind = (application.address() as AddressInfo).port;
  const server = await startNginx(({ port, folder }) => `
http { ${httpInFolder(folder)} server {
  listen 127.0.0.1:${port} ssl http2;
  ssl_certificate ${cert};
  ssl_certificate_key ${key};
  location /version { return 200 $server_protocol; }
  location /refused { return 403; }
  location /ws {
    proxy_pass http://127.0.0.1:${behind};
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection upgrade;
  }
} }`);
  return {
    address: `127.0.0.1:${server.port}`,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      for (const client of sockets.clients) client.terminate();
      sockets.close();
      application.closeAllConnections();
      await new Promise<void>((resolve) => application.close(() => resolve()));
    },
  };
}

/** What echoes frames takes off their mask, as clients are not to be sent one. */
function node(
  { allowHTTP1 }: { readonly allowHTTP1: boolean } = { allowHTTP1: true },
): Promise<WebSocketServerProcess> {
  return startAnnounced("node", ["-e", NODE, cert, key, String(allowHTTP1)]);
}

/** Frames of less than 126 bytes, each in one piece, are enough to be told apart from a tunnel. */
const NODE = `
const { readFileSync } = require("node:fs");
const { createHash } = require("node:crypto");
const [cert, key, allowHTTP1] = process.argv.slice(1);
const options = {
  cert: readFileSync(cert),
  key: readFileSync(key),
  allowHTTP1: allowHTTP1 === "true",
};
const server = require("node:http2").createSecureServer(options, (request, response) => {
  request.resume();
  response.end("HTTP/" + request.httpVersion);
});
server.on("upgrade", (request, socket) => {
  const accept = createHash("sha1")
    .update(request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    .digest("base64");
  socket.write("HTTP/1.1 101 S\\r\\nConnection: upgrade\\r\\nUpgrade: websocket\\r\\n" +
    "Sec-WebSocket-Accept: " + accept + "\\r\\n\\r\\n");
  socket.on("error", () => {});
  socket.on("data", (frame) => {
    const mask = frame.subarray(2, 6);
    const body = Buffer.from(frame.subarray(6)).map((byte, at) => byte ^ mask[at & 3]);
    socket.write(Buffer.concat([Buffer.of(frame[0], frame[1] & 127), body]));
    if ((frame[0] & 15) === 8) socket.end();
  });
});
server.listen(0, "127.0.0.1", () => console.log("port " + server.address().port));
`;

function startProxy(address: string) {
  return startConfigured({
    backends: { api: autoBackend(address, authority.ca) },
    settings: { admin: { listen: "127.0.0.1:0" } },
  });
}

/** Sends a text by a client of its own, and gives what comes back. */
async function echoed(port: number, text: string): Promise<string> {
  const { caPem: ca } = await testCertificates();
  const socket = new WebSocket(`wss://localhost:${port}/ws`, { ca });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  socket.on("error", reject);
  socket.on("open", () => socket.send(text));
  let heard = "";
  socket.on("message", (message) => {
    heard = String(message);
    socket.close(1000);
  });
  socket.on("close", () => resolve(heard));
  return await within(promise, "an echo");
}

/** The same by an extended CONNECT, as a frame with a mask of nothing. */
async function echoedByHttp2(port: number, text: string): Promise<string> {
  using client = await Http2Client.connect(port);
  const pseudo = { ":method": "CONNECT", ":protocol": "websocket", ":path": "/ws" };
  const fields = requestFields({ ...pseudo, ":authority": "localhost" }, [
    ["sec-websocket-version", "13"],
  ]);
  await client.send(headers(1, fields, { ended: false }));
  await client.until(() => client.seen(1).status || undefined, "a tunnel");
  assert.equal(client.seen(1).status, 200);
  await client.send(data(1, `\x81${String.fromCharCode(0x80 | text.length)}\0\0\0\0${text}`));
  const expected = 2 + text.length;
  await client.until(() => client.seen(1).body.length >= expected || undefined, "an echo");
  return client.seen(1).body.slice(2);
}

for (const [name, serve] of Object.entries({ nginx, node })) {
  Deno.test(`WebSockets go to ${name} by HTTP/1.1, and all else by HTTP/2`, async () => {
    await using server = await serve();
    await using proxy = await startProxy(server.address);
    const admin = await AdminPage.of(proxy);
    const { port } = proxy;
    // while nobody knows what it will choose, and later
    assert.deepEqual(
      await Promise.all([echoed(port, "first"), echoedByHttp2(port, "second")]),
      ["first", "second"],
    );
    assert.match((await askOnce(port, "/version")).body, BY_HTTP2);
    assert.equal(await echoed(port, "third"), "third");
    assert.equal(await echoedByHttp2(port, "fourth"), "fourth");
    assert.match((await askOnce(port, "/version")).body, BY_HTTP2);
    await proxy.log.count(/ request .*target=\/ws status=101 /, 4);
    assert.deepEqual(proxy.log.matching(/ server (?:failed|ejected) /), []);
    await eventually(async () => {
      const [api] = (await admin.status()).backends;
      return api?.servers[0]?.load === 0 || undefined;
    }, "every place to be given back");
  });
}

Deno.test("who comes while a server's choice becomes known gets a WebSocket too", async () => {
  await using server = await node();
  for (let round = 0; round < 5; round++) {
    // nobody knows it at a new proxy, and each of these comes at another moment of finding out
    await using proxy = await startProxy(server.address);
    const late = Array.from({ length: 40 }, async (_, at) => {
      await delay(at);
      return await echoedByHttp2(proxy.port, "late");
    });
    assert.deepEqual(new Set(await Promise.all(late)), new Set(["late"]));
  }
});

Deno.test("a connection on which a WebSocket was refused serves another request for one", async () => {
  await using server = await nginx();
  await using proxy = await startProxy(server.address);
  const admin = await AdminPage.of(proxy);
  const fields = [...ASKING, `Sec-WebSocket-Key: ${SEC_KEY}`];
  const used = (how: string) =>
    admin.metric("tls_proxy_upstream_requests_total", `connection="${how}"`);
  assert.equal((await askOnce(proxy.port, "/refused", { fields })).status, 403);
  assert.deepEqual([await used("new"), await used("reused")], [1, 0]);
  assert.equal((await askOnce(proxy.port, "/refused", { fields })).status, 403);
  assert.deepEqual([await used("new"), await used("reused")], [1, 1]);
});

Deno.test("a server that has neither takes no WebSocket, and that is no fault of it", async () => {
  await using server = await node({ allowHTTP1: false });
  await using proxy = await startProxy(server.address);
  const told = await askOnce(proxy.port, "/ws", {
    fields: [...ASKING, `Sec-WebSocket-Key: ${SEC_KEY}`],
  });
  assert.equal(told.status, 501);
  assert.match(told.body, /RFC 8441.*nor by HTTP\/1\.1: .*http\/1\.1 was offered by ALPN/);
  assert.match((await askOnce(proxy.port, "/version")).body, BY_HTTP2);
  await proxy.log.first(/ request .*target=\/ws status=501 .*error=websocket_unsupported/);
  assert.deepEqual(proxy.log.matching(/ server ejected /), []);
});
