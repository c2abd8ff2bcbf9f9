import assert from "node:assert/strict";
import { createHash } from "node:crypto";
// @ts-types="@types/ws"
import { WebSocket } from "ws";
import { type HttpBackend, startBackend, startHttp, startNamed } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { ConfigFile } from "./support/config_file.ts";
import { type ConfiguredProxy, startConfigured } from "./support/configured_proxy.ts";
import { eventually, within } from "./support/deadline.ts";
import {
  encodeAnswer,
  encodeRequest,
  readAnswer,
  readRequest,
  readRequestHead,
  valuesOf,
} from "./support/http.ts";
import { fieldOf, Http2Client } from "./support/http2_client.ts";
import { headers, type RawField, requestFields } from "./support/http2_frames.ts";
import { startNodeHttp2 } from "./support/node_http2_server.ts";
import { runCommand } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";
import { runOk } from "./support/tools.ts";

/** Backends whose clients keep their servers by a cookie. */

const STICKY = { cookie: "lb", ttl: "1h" };

interface Told {
  readonly body: string;
  /** Values of `Set-Cookie`. */
  readonly cookies: readonly string[];
}

/** What a client is told that connects anew. */
async function ask(url: string, cookie?: string, flags: readonly string[] = []): Promise<Told> {
  const { ca } = await testCertificates();
  const sent = cookie === undefined ? [] : ["-H", `Cookie: ${cookie}`];
  const common = ["-s", "-i", "--max-time", "20", "--cacert", ca];
  const text = await runOk("curl", [...common, ...flags, ...sent, url]);
  const end = text.indexOf("\r\n\r\n");
  const cookies = [...text.slice(0, end).matchAll(/^set-cookie: (.*?)\r?$/gim)];
  return { body: text.slice(end + 4), cookies: cookies.map(([, value = ""]) => value) };
}

function urlOf({ port }: { port: number }): string {
  return `https://localhost:${port}/`;
}

/** The pair that a client sends back. */
function pairOf({ cookies: [cookie = ""] }: Told): string {
  return cookie.split(";")[0] ?? "";
}

/** A client for each server: who is new is given them in turns. */
async function clientsOf(proxy: ConfiguredProxy, count: number): Promise<Map<string, string>> {
  const pairs = new Map<string, string>();
  await eventually(async () => {
    const told = await ask(urlOf(proxy));
    pairs.set(told.body, pairOf(told));
    return pairs.size === count || undefined;
  }, () => `clients of ${count} servers; there are those of ${[...pairs.keys()]}`);
  return pairs;
}

interface Servers extends AsyncDisposable {
  readonly all: readonly HttpBackend[];
  readonly addresses: readonly string[];
}

/** Servers that answer with these names. */
async function startServers(names: readonly string[]): Promise<Servers> {
  const stack = new AsyncDisposableStack();
  const all = [];
  for (const name of names) all.push(stack.use(await startNamed(name, { brokenOff: true })));
  const addresses = all.map(({ address }) => address);
  return { all, addresses, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

for (const workers of [1, 2]) {
  for (const version of ["--http1.1", "--http2"]) {
    Deno.test(`sticky keeps a client at its server (${workers}, ${version})`, async () => {
      await using servers = await startServers(["a", "b", "c"]);
      const app = { servers: servers.addresses, sticky: STICKY };
      await using proxy = await startConfigured({ backends: { app }, settings: { workers } });
      const clients = await clientsOf(proxy, 3);
      for (const [name, pair] of clients) {
        for (let i = 0; i < 4; i++) {
          const told = await ask(urlOf(proxy), `x=1; ${pair}; y="2"`, [version]);
          assert.deepEqual(told, { body: name, cookies: [] });
        }
      }
      // the cookie is the proxy's, and all others are the servers'
      const seen = servers.all.flatMap(({ requests }) => requests)
        .flatMap((request) => valuesOf(request, "Cookie"));
      assert.deepEqual(seen, Array(12).fill('x=1; y="2"'));
    });
  }
}

Deno.test("the cookie of sticky is safe, and says nothing", async () => {
  await using servers = await startServers(["a", "b"]);
  const backends = { app: { servers: servers.addresses, sticky: { cookie: "at", ttl: "90s" } } };
  const pairs = new Set<string>();
  for (let start = 0; start < 2; start++) {
    await using proxy = await startConfigured({ backends });
    const told = await ask(urlOf(proxy));
    assert.equal(told.cookies.length, 1);
    const [, value = ""] =
      /^at=([\w-]{22}); Path=\/; Max-Age=90; HttpOnly; Secure; SameSite=Lax$/.exec(
        told.cookies[0] ?? "",
      ) ?? [];
    assert.notEqual(value, "", told.cookies.join());
    const bytes = atob(value.replaceAll("-", "+").replaceAll("_", "/"));
    for (const { address, port } of servers.all) {
      assert.ok(!value.includes(String(port)) && !bytes.includes(address));
    }
    for (const pair of (await clientsOf(proxy, 2)).values()) pairs.add(pair);
    // what another proxy has set, or nobody
    for (const forged of [...pairs].slice(0, -2).concat("at=", "at=0", `at=${value}=`)) {
      const { cookies } = await ask(urlOf(proxy), forged);
      assert.equal(cookies.length, 1, forged);
    }
  }
  assert.equal(pairs.size, 4, "a start after another makes the same cookies");
});

Deno.test("a client whose server is gone moves on with another cookie", async () => {
  await using servers = await startServers(["a", "b", "c"]);
  const app = { servers: servers.addresses, sticky: STICKY };
  await using proxy = await startConfigured({ backends: { app } });
  const clients = await clientsOf(proxy, 3);
  await servers.all[1]?.[Symbol.asyncDispose]();
  const moved = await ask(urlOf(proxy), clients.get("b"));
  assert.match(moved.body, /^[ac]$/);
  assert.equal(pairOf(moved), clients.get(moved.body), "who has answered is who is named");
  for (const name of ["a", "c"]) {
    assert.deepEqual(await ask(urlOf(proxy), clients.get(name)), { body: name, cookies: [] });
  }
});

Deno.test("a client whose server is down by its checks moves on", async () => {
  let well = true;
  const stack = new AsyncDisposableStack();
  await using _ = stack;
  // a slow machine may break a check off
  const brokenOff = true;
  const ill = stack.use(
    await startHttp(
      ({ target }) =>
        target === "/healthz" && !well ? encodeAnswer("ill", { status: 503 }) : encodeAnswer("a"),
      { brokenOff },
    ),
  );
  const other = stack.use(await startNamed("b", { brokenOff }));
  const checks = { interval: "100ms", timeout: "20s", fall: 1, rise: 1 };
  const health = { type: "http", path: "/healthz", ...checks };
  const app = { servers: [ill.address, other.address], sticky: STICKY, health, slow_start: "0s" };
  await using proxy = await startConfigured({ backends: { app } });
  const clients = await clientsOf(proxy, 2);
  well = false;
  await proxy.log.first(/ server down /);
  const moved = await ask(urlOf(proxy), clients.get("a"));
  assert.deepEqual([moved.body, pairOf(moved)], ["b", clients.get("b")]);
  well = true;
  await proxy.log.first(/ server up /);
  assert.equal((await ask(urlOf(proxy), clients.get("b"))).body, "b");
  assert.deepEqual(await ask(urlOf(proxy), clients.get("a")), { body: "a", cookies: [] });
});

Deno.test("a client whose server is ejected moves on", async () => {
  await using broken = await startHttp(
    ({ method }) => method === "POST" ? "no HTTP at all\r\n\r\n" : encodeAnswer("a"),
    { brokenOff: true },
  );
  await using other = await startNamed("b");
  const ejection = { failures: 1, time: "1h", max_time: "1h" };
  const app = { servers: [broken.address, other.address], sticky: STICKY, ejection };
  await using proxy = await startConfigured({ backends: { app }, settings: { workers: 1 } });
  const clients = await clientsOf(proxy, 2);
  await ask(urlOf(proxy), clients.get("a"), ["-X", "POST"]);
  await proxy.log.first(/ server ejected /);
  const moved = await ask(urlOf(proxy), clients.get("a"));
  assert.deepEqual([moved.body, pairOf(moved)], ["b", clients.get("b")]);
});

Deno.test("a client stays with a server that has only closed a connection in the wrong moment", async () => {
  // what is kept open for the next request is closed when it comes
  await using closing = await startBackend(async (connection) => {
    await readRequest(connection);
    await connection.write(encodeAnswer("a"));
    await readRequest(connection);
  }, { brokenOff: true });
  await using other = await startNamed("b");
  const app = { servers: [closing.address, other.address], sticky: STICKY };
  await using proxy = await startConfigured({ backends: { app }, settings: { workers: 1 } });
  const clients = await clientsOf(proxy, 2);
  const before = closing.connections.length;
  for (let i = 0; i < 4; i++) {
    assert.deepEqual(await ask(urlOf(proxy), clients.get("a")), { body: "a", cookies: [] });
  }
  assert.equal(closing.connections.length, before + 4, "each has met a connection that closes");
});

Deno.test("clients of a server that drains move on, by configuration and by hand", async () => {
  await using servers = await startServers(["a", "b"]);
  const [a = "", b = ""] = servers.addresses;
  const settings = { admin: { listen: "127.0.0.1:0" } };
  const config = (a: unknown) => ({
    ...{ backends: { app: { servers: [a, b], sticky: STICKY } }, settings },
  });
  await using proxy = await startConfigured(config(a));
  const clients = await clientsOf(proxy, 2);
  const place = async () => {
    const { body, cookies } = await ask(urlOf(proxy), clients.get("a"));
    return `${body}${cookies.length}`;
  };
  assert.equal(await place(), "a0");
  const [, admin] = await proxy.says.first(/admin page: (http:\S+)\/$/);
  for (const [method, expected] of [["POST", "b1"], ["DELETE", "a0"]] as const) {
    const answer = await fetch(`${admin}/drain/app/${a}`, { method });
    assert.equal(answer.status, 200, await answer.text());
    assert.equal(await place(), expected);
  }
  await proxy.reload(config({ address: a, drain: true }));
  assert.equal(await place(), "b1");
});

Deno.test("clients keep their servers over reloads that add, remove and reorder them", async () => {
  await using servers = await startServers(["a", "b", "c", "d"]);
  const [a, b, c, d] = servers.addresses;
  const config = (...servers: (string | undefined)[]) => ({
    backends: { app: { servers, sticky: STICKY } },
  });
  await using proxy = await startConfigured(config(a, b, c));
  const clients = await clientsOf(proxy, 3);
  for (const [order, here] of [[[d, c, b, a], "abc"], [[c, d, a], "ac"]] as const) {
    await proxy.reload(config(...order));
    for (const name of here) {
      assert.deepEqual(await ask(urlOf(proxy), clients.get(name)), { body: name, cookies: [] });
    }
  }
  assert.equal((await ask(urlOf(proxy), clients.get("b"))).cookies.length, 1);
  await proxy.reload(config(a, b));
  assert.deepEqual(await ask(urlOf(proxy), clients.get("b")), { body: "b", cookies: [] });
});

Deno.test("a client waits for its server while that is busy, and nobody waits for him", async () => {
  const waiting: (() => void)[] = [];
  await using slow = await startHttp(async ({ target }) => {
    if (target === "/slow") await new Promise<void>((resolve) => waiting.push(resolve));
    return encodeAnswer("slow");
  }, { brokenOff: true });
  await using free = await startNamed("free");
  const servers = [{ address: slow.address, max_connections: 1 }, free.address];
  const app = { servers, sticky: STICKY };
  await using proxy = await startConfigured({ backends: { app }, settings: { workers: 1 } });
  const fields = [`Cookie: ${(await clientsOf(proxy, 2)).get("slow")}`];
  using busy = await connectTls(proxy.port);
  await busy.write(encodeRequest("/slow", { fields }));
  await eventually(() => waiting.length > 0 || undefined, "a busy server");
  using patient = await connectTls(proxy.port);
  await patient.write(encodeRequest("/patient", { fields }));
  for (let i = 0; i < 4; i++) assert.equal((await ask(urlOf(proxy))).body, "free");
  waiting.shift()?.();
  for (const client of [busy, patient]) {
    const answer = await readAnswer(client);
    assert.equal(answer.body, "slow");
    assert.deepEqual(valuesOf(answer, "Set-Cookie"), []);
  }
});

Deno.test("sticky goes by HTTP/2 to servers, too, which see nothing of the cookie", async () => {
  const handler = (name: string) =>
    `tell("cookie " + head.cookie); stream.respond({ ":status": 200 }); stream.end("${name}");`;
  await using a = await startNodeHttp2(handler("a"));
  await using b = await startNodeHttp2(handler("b"));
  const app = { servers: [a.address, b.address], protocol: "h2", sticky: STICKY };
  await using proxy = await startConfigured({ backends: { app } });
  const clients = await clientsOf(proxy, 2);
  for (const [name, pair] of clients) {
    const told = await ask(urlOf(proxy), `${pair}; x=1`);
    assert.deepEqual(told, { body: name, cookies: [] });
  }
  for (const { lines } of [a, b]) await lines.first(/^cookie x=1$/);
});

Deno.test("the cookie of a listener without TLS comes back without TLS", async () => {
  await using servers = await startServers(["a", "b"]);
  const app = { servers: servers.addresses, sticky: STICKY };
  const listeners = [{ listen: "127.0.0.1:0", tls: false }];
  await using proxy = await startConfigured({ backends: { app }, settings: { listeners } });
  const url = `http://localhost:${proxy.port}/`;
  const { body, cookies } = await ask(url);
  assert.match(cookies[0] ?? "", /^lb=[\w-]{22}; Path=\/; Max-Age=3600; HttpOnly; SameSite=Lax$/);
  for (let i = 0; i < 4; i++) {
    const told = await ask(url, pairOf({ body, cookies }));
    assert.deepEqual(told, { body, cookies: [] });
  }
});

Deno.test("the cookie is for TLS where the proxy in front says that the client came by it", async () => {
  await using server = await startNamed("a");
  await using proxy = await startConfigured({
    backends: { app: { servers: [server.address], sticky: STICKY } },
    settings: {
      listeners: [{ listen: "127.0.0.1:0", tls: false }],
      forwarded: { trusted: ["127.0.0.2"] },
    },
  });
  const isSecure = async (scheme: string, from: string) => {
    const flags = ["--interface", from, "-H", `X-Forwarded-Proto: ${scheme}`];
    const { cookies } = await ask(`http://127.0.0.1:${proxy.port}/`, undefined, flags);
    return cookies[0]?.includes("; Secure;");
  };
  assert.equal(await isSecure("https", "127.0.0.2"), true);
  assert.equal(await isSecure("http", "127.0.0.2"), false);
  assert.equal(await isSecure("https", "127.0.0.1"), false);
});

/** A server that switches to WebSocket, says its name in a field, and echoes. */
function startSwitching(name: string) {
  return startBackend(async (connection) => {
    const request = await readRequestHead(connection);
    if (valuesOf(request, "Upgrade").length === 0) {
      return await connection.write(encodeAnswer(name, { fields: ["Connection: close"] }));
    }
    const [key = ""] = valuesOf(request, "Sec-WebSocket-Key");
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64");
    await connection.write([
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n",
      `Sec-WebSocket-Accept: ${accept}\r\nX-Name: ${name}\r\nX-Seen: ${
        valuesOf(request, "Cookie")
      }\r\n\r\n`,
    ].join(""));
    while (await connection.readSome() !== undefined);
  }, { brokenOff: true });
}

Deno.test("a WebSocket sets the cookie, and goes by it, over HTTP/1.1 and HTTP/2", async () => {
  await using a = await startSwitching("a");
  await using b = await startSwitching("b");
  const app = { servers: [a.address, b.address], sticky: STICKY };
  await using proxy = await startConfigured({ backends: { app } });
  const clients = await clientsOf(proxy, 2);
  for (const connect of [openWebSocket, openHttp2WebSocket]) {
    const fresh = await connect(proxy.port, "x=1");
    assert.equal(pairOf(fresh), clients.get(fresh.body));
    assert.equal(fresh.cookies.length, 1);
    for (const [name, pair] of clients) {
      for (let i = 0; i < 3; i++) {
        const told = await connect(proxy.port, `x=1; ${pair}`);
        assert.deepEqual(told, { body: name, cookies: [], seen: "x=1" });
      }
    }
  }
});

interface Switched extends Told {
  readonly seen: string;
}

async function openWebSocket(port: number, cookie: string): Promise<Switched> {
  const { caPem: ca } = await testCertificates();
  const socket = new WebSocket(`wss://localhost:${port}/`, { ca, headers: { cookie } });
  const told = new Promise<Switched>((resolve, reject) => {
    socket.once("error", reject);
    socket.once("upgrade", ({ headers }: UpgradeAnswer) => {
      const { "x-name": body, "set-cookie": cookies = [], "x-seen": seen } = headers;
      resolve({ body, cookies, seen });
    });
  });
  const open = new Promise<void>((resolve) => socket.once("open", () => resolve()));
  try {
    return await within(told, "an answer to an upgrade");
  } finally {
    await within(open, "a WebSocket");
    socket.terminate();
  }
}

interface UpgradeAnswer {
  readonly headers: {
    readonly "x-name": string;
    readonly "x-seen": string;
    readonly "set-cookie"?: string[];
  };
}

async function openHttp2WebSocket(port: number, cookie: string): Promise<Switched> {
  using client = await Http2Client.connect(port);
  const pseudo = { ":method": "CONNECT", ":protocol": "websocket", ":path": "/" };
  const fields: RawField[] = [["sec-websocket-version", "13"], ["cookie", cookie]];
  const list = requestFields({ ":authority": "localhost", ...pseudo }, fields);
  await client.send(headers(1, list, { ended: false }));
  await client.until(() => client.seen(1).status === 200 || undefined, "a WebSocket");
  const told = client.seen(1).fields;
  return {
    body: fieldOf(told, "x-name") ?? "",
    cookies: told.filter(([name]) => name === "set-cookie").map(([, value]) => value),
    seen: fieldOf(told, "x-seen") ?? "",
  };
}

Deno.test("explain and check tell of sticky", async () => {
  const { ec } = await testCertificates();
  const config = (mode: string) =>
    JSON.stringify({
      listeners: [{ listen: "127.0.0.1:0", mode }],
      certificates: [ec],
      backends: { app: { servers: ["127.0.0.1:1"], sticky: STICKY } },
      routes: [{ backend: "app" }],
    });
  await using http = await ConfigFile.create(config("http"));
  const explained = await runCommand(["explain", "--config", http.path, "https://localhost/"]);
  assert.match(explained.stdout, /^ {2}sticky +by the cookie lb, which lasts 3600 s /m);
  await using tcp = await ConfigFile.create(config("tcp"));
  const checked = await runCommand(["check", "--config", tcp.path]);
  assert.equal(checked.code, 1);
  assert.match(checked.stderr + checked.stdout, /:1:\d+: in tcp mode there are no cookies/);
});
