import assert from "node:assert/strict";
import { startBackend, startHttp, unusedPort } from "./support/backends.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import type { TestConnection } from "./support/connection.ts";
import { within } from "./support/deadline.ts";
import { encodeAnswer, encodeRequest, readAnswer, readRequest } from "./support/http.ts";
import { Http2Client } from "./support/http2_client.ts";
import { data, headers, joined, requestFields } from "./support/http2_frames.ts";
import { askAll, startNamedServer } from "./support/named_server.ts";
import { ENGINES } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";

Deno.test("servers may be sockets in the file system", async () => {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "tls-proxy-unix-" }));
  const path = `${folder}/app.sock`;
  try {
    await using backend = await startHttp(() => encodeAnswer("by path"), { listen: { path } });
    const servers = [backend.address];
    const grants = [`--allow-write=${path}`];
    const health = { type: "http", interval: "1m", fast_interval: "1ms", fall: 1 };
    await using proxy = await startConfigured({ backends: { api: { servers, health } } }, {
      grants,
    });
    assert.deepEqual(await askAll(proxy.port, 3), ["by path", "by path", "by path"]);
    assert.match(proxy.says.text, new RegExp(`backend api: .*unix:${path}`));
    await proxy.log.count(new RegExp(` request .*server=unix:${path}`), 3);
    assert.equal(proxy.log.matching(/ server down /).length, 0);
    assert.equal(new Set(backend.requests.map(({ target }) => target)).size, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a socket that nobody listens on counts as refused", async () => {
  const servers = ["unix:/nonexistent/app.sock"];
  const grants = ["--allow-write=/nonexistent/app.sock"];
  const health = { type: "tcp", fall: 99 };
  await using proxy = await startConfigured({ backends: { api: { servers, health } } }, { grants });
  await proxy.log.first(/ server down .*server=unix:\/nonexistent\/app\.sock reason=/);
  assert.deepEqual(await askAll(proxy.port, 2), ["502", "502"]);
});

Deno.test("servers may have names", async () => {
  await using backend = await startHttp(() => encodeAnswer("by name"));
  const servers = [`localhost:${backend.port}`];
  await using proxy = await startConfigured({ backends: { api: { servers } } });
  assert.deepEqual(await askAll(proxy.port, 3), ["by name", "by name", "by name"]);
  assert.equal(backend.connections.length, 1);
});

Deno.test("a permission for name and port is enough for a server with a name", async () => {
  await using backend = await startBackend((connection) => connection.untilGone());
  const allowed = ["localhost", `localhost:${backend.port}`, `127.0.0.1:${backend.port}`];
  const codes = await Promise.all(allowed.map(async (net) => {
    const script = new URL("support/dial_once.ts", import.meta.url).pathname;
    const args = ["run", "-q", "--no-prompt", `--allow-net=${net}`, script, "localhost"];
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: [...args, `${backend.port}`],
      stderr: "null",
    }).output();
    return code;
  }));
  // with the name alone it may be looked up, but not the address be connected to
  assert.deepEqual(codes, [0, 0, 1]);
  assert.equal(backend.connections.length, 2);
});

Deno.test("a name that does not exist is a server that cannot be reached", async () => {
  const api = { servers: ["nowhere.invalid:80"] };
  await using proxy = await startConfigured({ backends: { api } });
  assert.deepEqual(await askAll(proxy.port, 1), ["502"]);
  await proxy.log.first(/ server failed .*server=nowhere\.invalid:80 error=connect_failed /);
});

/** What a server does with the connection behind its first answer. */
type Misdeed = (connection: TestConnection) => Promise<unknown>;

const answer = encodeAnswer("mine");
const poison = encodeAnswer("poison");

/** The one whose second answer may come when the next request has been sent, and then looks like its. */
const LATER = "a second answer later";

/** Each answers its request well, and then leaves the connection in a state nobody may use. */
const MISDEEDS: readonly [name: string, deed: Misdeed][] = [
  ["a second answer at once", (it) => it.write(answer + poison)],
  [LATER, async (it) => {
    await it.write(answer);
    await it.write(poison);
  }],
  ["half a second answer", (it) => it.write(answer + poison.slice(0, 20))],
  ["one byte more", (it) => it.write(answer + "x")],
  ["an empty line more", (it) => it.write(answer + "\r\n")],
  ["an interim answer more", (it) => it.write(answer + "HTTP/1.1 100 Continue\r\n\r\n")],
  [
    "a timeout's answer",
    (it) => it.write(answer + "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"),
  ],
  ["a half-close", async (it) => {
    await it.write(answer);
    await it.end();
  }],
  ["a close", async (it) => {
    await it.write(answer);
    it.close();
  }],
  ["a reset", async (it) => {
    await it.write(answer);
    it.reset();
  }],
  ["a body behind no body", (it) => it.write("HTTP/1.1 204 No Content\r\n\r\n" + poison)],
  ["a body behind 304", (it) => it.write("HTTP/1.1 304 Not Modified\r\n\r\n" + poison)],
  [
    "a body behind the last chunk",
    (it) => it.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + poison),
  ],
];

for (const engine of ENGINES) {
  Deno.test(`no byte behind one answer gets into another (${engine})`, async () => {
    let next = MISDEEDS[0];
    let over = Promise.withResolvers<void>();
    const bad = await startBackend(async (connection) => {
      const { resolve } = over = Promise.withResolvers<void>();
      await readRequest(connection);
      await next?.[1](connection);
      // whoever asks again on this connection gets what is not theirs
      while (await readRequest(connection).catch(() => undefined)) await connection.write(poison);
      resolve();
    }, { brokenOff: true });
    await using _ = bad;
    await using other = await startHttp(({ target }) => encodeAnswer(`other ${target}`));
    const backends = {
      api: { servers: [bad.address], ejection: { failures: 0 } },
      other: { servers: [other.address] },
    };
    await using proxy = await startConfigured({ engine, backends });
    using client = await connectTls(proxy.port);
    for (next of MISDEEDS) {
      const before = bad.connections.length;
      for (let i = 0; i < 2; i++) {
        await client.write(encodeRequest(`/${i}`));
        const { status, body } = await readAnswer(client);
        assert.ok([200, 204, 304].includes(status), `${next[0]}: ${status}`);
        assert.ok(!body.includes("poison"), next[0]);
        if (next[0] === LATER) await over.promise;
      }
      assert.equal(bad.connections.length, before + 2, next[0]);
    }
  });
}

Deno.test("no backend uses the connections of another, though the server be the same", async () => {
  await using backend = await startHttp();
  const servers = [backend.address];
  const [a, b] = [{ servers }, { servers }];
  await using proxy = await startConfigured({ backends: { a, b } });
  await askAll(proxy.port, 2);
  assert.equal(backend.connections.length, 1);
  await proxy.reload({ backends: { b, a } });
  await askAll(proxy.port, 2);
  assert.equal(backend.connections.length, 2);
});

Deno.test("the pool keeps so many connections, for so long", async () => {
  const waiting: (() => void)[] = [];
  await using backend = await startHttp(async () => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    if (waiting.length === 3) waiting.forEach((answer) => answer());
    return encodeAnswer("x");
  });
  const api = { servers: [backend.address], pool: { max_idle: 1, idle_timeout: "1s" } };
  await using proxy = await startConfigured({ backends: { api } });
  const asked = [1, 2, 3].map(() => askAll(proxy.port, 1));
  await backend.accepted(3);
  while (waiting.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  for (const answer of waiting) answer();
  await Promise.all(asked);
  await backend.allGone();
  assert.equal(backend.connections.length, 3);
});

Deno.test("who needs more connections than may be idle does not connect for each request", async () => {
  await using backend = await startHttp();
  const api = { servers: [backend.address], pool: { max_idle: 1 } };
  await using proxy = await startConfigured({ backends: { api } });
  const started = performance.now();
  await Promise.all(Array.from({ length: 6 }, () => askAll(proxy.port, 40)));
  // those that are not needed for a second are closed, and made anew when they are
  const rests = Math.floor((performance.now() - started) / 1000);
  const { length } = backend.connections;
  assert.ok(length <= 6 + 5 * rests, `${length} connections, ${rests} s`);
});

Deno.test("a request goes to another server when its idle connection breaks", async () => {
  const seen: string[] = [];
  await using bad = await startBackend(async (connection) => {
    await readRequest(connection);
    await connection.write(encodeAnswer("bad"));
    const second = await readRequest(connection);
    if (second !== undefined) seen.push(second.method);
    connection.reset();
  }, { brokenOff: true });
  await using good = await startNamedServer("good");
  const api = { servers: [{ address: bad.address, weight: 3 }, good.address] };
  await using proxy = await startConfigured({ backends: { api } });
  using client = await connectTls(proxy.port);
  const ask = async (method: string, fields: readonly string[] = []) => {
    await client.write(encodeRequest("/", { method, fields }));
    const { status, body } = await readAnswer(client, { method });
    return status === 200 ? body : String(status);
  };
  assert.deepEqual([await ask("GET"), await ask("GET")], ["bad", "good"]);
  assert.deepEqual(seen.splice(0), ["GET"]);
  // a length of 0 is no body that would be gone
  const empty = ["Content-Length: 0"];
  const puts = [await ask("PUT", empty), await ask("PUT", empty), await ask("PUT", empty)];
  assert.deepEqual(seen.splice(0), ["PUT"]);
  assert.ok(!puts.includes("502"), puts.join());
  // the everyday race is no failure
  await proxy.log.count(/ request /, 5);
  assert.equal(proxy.log.matching(/ server (failed|ejected) /).length, 0);
  // what may have been done is never done twice
  const answers = [await ask("POST"), await ask("POST"), await ask("POST")];
  assert.deepEqual(seen, ["POST"]);
  assert.ok(answers.includes("502"), answers.join());
});

Deno.test("a backup has no work because an idle connection of the only other server breaks", async () => {
  await using main = await startBackend(async (connection) => {
    await readRequest(connection);
    await connection.write(encodeAnswer("main"));
    await readRequest(connection);
    connection.reset();
  }, { brokenOff: true });
  await using spare = await startNamedServer("spare");
  const api = { servers: [main.address, { address: spare.address, backup: true }] };
  await using proxy = await startConfigured({ backends: { api }, settings: { workers: 1 } });
  assert.deepEqual(await askAll(proxy.port, 4), ["main", "main", "main", "main"]);
  await proxy.log.first(/ request .*attempts=2 /);
});

Deno.test("a body that has come by HTTP/2 goes to the next server where one cannot be reached", async () => {
  await using good = await startNamedServer("good");
  const servers = [`127.0.0.1:${await unusedPort()}`, good.address];
  const api = { servers, ejection: { failures: 0 }, health: { type: "none" } };
  await using proxy = await startConfigured({ backends: { api }, settings: { workers: 1 } });
  using client = await Http2Client.connect(proxy.port);
  for (const id of [1, 3]) {
    const head = requestFields({ ":method": "POST", ":path": "/", ":authority": "localhost" });
    await client.connection.write(joined([
      headers(id, head, { ended: false }),
      data(id, "body", true),
    ]));
    const { status, body } = await client.answer(id);
    assert.deepEqual([status, body], [200, "good"]);
  }
  await proxy.log.count(/ request /, 2);
  assert.equal(proxy.log.matching(/ server failed /).length, 1);
});

Deno.test("retries are bounded", async () => {
  const servers = [];
  for (let i = 0; i < 6; i++) servers.push(`127.0.0.1:${await unusedPort()}`);
  const api = { servers, retries: 2, ejection: { failures: 0 } };
  await using proxy = await startConfigured({ backends: { api } });
  assert.deepEqual(await askAll(proxy.port, 1), ["502"]);
  await proxy.log.first(/ request .*status=502 /);
  const tried = proxy.log.matching(/ server failed /).map((line) => /server=(\S+)/.exec(line)?.[1]);
  assert.equal(tried.length, 3);
  assert.equal(new Set(tried).size, 3, "each another one");
});

Deno.test("tcp mode ends TLS with an error for who cannot be served, and who is cut off", async () => {
  const refusing = `127.0.0.1:${await unusedPort()}`;
  await using backend = await startBackend(async (connection) => {
    await connection.write("hello");
    await connection.readSome();
    connection.reset();
  }, { brokenOff: true });
  for (const server of [refusing, backend.address]) {
    const api = { servers: [server] };
    await using proxy = await startConfigured({ mode: "tcp", backends: { api } });
    const cutOff = async () => {
      // the end may be there before the handshake's last message is read
      using client = await connectTls(proxy.port);
      if (server !== refusing) {
        assert.equal(await client.readText(5), "hello");
        await client.write("x");
      }
      await client.readRest();
    };
    await assert.rejects(
      cutOff(),
      (error: Error) => /^(ConnectionReset|UnexpectedEof)$/.test(error.name),
    );
  }
});

Deno.test("tcp mode tries the next server, and counts who refuses", async () => {
  // a check leaves at once, and may not take the greeting
  const backend = await startBackend((connection) => connection.write("hello"), {
    brokenOff: true,
  });
  await using _ = backend;
  const refusing = `127.0.0.1:${await unusedPort()}`;
  const api = { servers: [refusing, backend.address], health: { type: "tcp", interval: "1m" } };
  await using proxy = await startConfigured({ mode: "tcp", backends: { api } });
  for (let i = 0; i < 3; i++) {
    using client = await connectTls(proxy.port);
    assert.equal(await within(client.readRest(), "hello"), "hello");
  }
  await proxy.log.first(/ server down .*refused/);
  assert.ok(proxy.log.matching(/ server failed /).length <= 1);
});
