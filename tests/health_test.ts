import assert from "node:assert/strict";
import { startBackend, startHttp, unusedPort } from "./support/backends.ts";
import { FAST_CHECKS, startConfigured } from "./support/configured_proxy.ts";
import { within } from "./support/deadline.ts";
import { encodeAnswer, encodeRequest, readAnswer, readRequest, valuesOf } from "./support/http.ts";
import { startNodeHttp2 } from "./support/node_http2_server.ts";
import { askAll, startNamedServer } from "./support/named_server.ts";
import { settled } from "./support/settled.ts";
import { connectTls } from "./support/tls_client.ts";

const HTTP_CHECK = { type: "http", path: "/healthz", ...FAST_CHECKS };

Deno.test("health checks take a server out that is ill, and bring it back", async () => {
  await using a = await startNamedServer("a");
  await using b = await startNamedServer("b");
  const api = { servers: [a.address, b.address], health: HTTP_CHECK, slow_start: "0s" };
  await using proxy = await startConfigured({ backends: { api } });
  assert.deepEqual((await askAll(proxy.port, 4)).toSorted(), ["a", "a", "b", "b"]);

  a.well = false;
  await proxy.log.first(RegExp(` server down backend=api server=${a.address} reason=.*status 503`));
  assert.deepEqual(await askAll(proxy.port, 4), ["b", "b", "b", "b"]);
  a.well = true;
  await proxy.log.first(RegExp(` info server up backend=api server=${a.address} reason=.*200`));
  assert.deepEqual((await askAll(proxy.port, 4)).toSorted(), ["a", "a", "b", "b"]);
  assert.equal(proxy.log.matching(/ server (up|down) /).length, 2, "once for each change");
});

Deno.test("health checks ask what they are told to, and look at what they are told to", async () => {
  const first = Promise.withResolvers<string>();
  await using right = await startHttp(({ head }) => {
    first.resolve(head);
    return encodeAnswer("status: GREEN", { status: 404 });
  }, { brokenOff: true });
  const red = encodeAnswer("status: RED", { status: 404 });
  await using wrong = await startHttp(() => red, { brokenOff: true });
  const health = { ...HTTP_CHECK, path: "/?full", host: "check.test", expect: "204,400-404" };
  const api = {
    servers: [right.address, wrong.address],
    health: { ...health, body: "GREEN", fall: 1 },
  };
  await using proxy = await startConfigured({ backends: { api } });
  const down = await proxy.log.first(/ server down .*server=(\S+) .*not the body expected/);
  assert.equal(down[1], wrong.address);
  const check = /^GET \/\?full HTTP\/1\.1\r\nHost: check\.test\r\n.*\r\nConnection: close\r\n\r\n$/;
  assert.match(await within(first.promise, "a check"), check);
  assert.equal(proxy.log.matching(/ server down /).length, 1);
});

Deno.test("health checks ask by HTTP/2 where requests do", async () => {
  await using server = await startNodeHttp2(`
    tell("asked " + head[":method"] + " " + head[":scheme"] + " " + head[":path"]);
    global.count = (global.count ?? 0) + 1;
    stream.respond({ ":status": global.count < 4 ? 503 : 200 });
    stream.end("well");
  `);
  const api = {
    servers: [server.address],
    protocol: "h2",
    health: { ...HTTP_CHECK, body: "well" },
  };
  await using proxy = await startConfigured({ backends: { api } });
  await proxy.log.first(/ server down backend=api .*status 503/);
  await proxy.log.first(/ server up backend=api .*status 200 and the body expected/);
  await server.lines.first(/^asked GET http \/healthz$/);
});

Deno.test("health checks are never two at one server, and end at their timeout", async () => {
  let open = 0;
  let most = 0;
  let seen = 0;
  const enough = Promise.withResolvers<void>();
  await using hung = await startBackend(async (connection) => {
    open++;
    const gone = connection.untilGone().then(() => open--);
    // what ended before this one began has come by then
    await settled();
    most = Math.max(most, open);
    await gone;
    if (++seen === 4) enough.resolve();
  });
  const timeout = "500ms";
  const health = { type: "http", interval: "50ms", fast_interval: "10ms", timeout, fall: 2 };
  const api = { servers: [hung.address], health };
  await using proxy = await startConfigured({ backends: { api } });
  await within(enough.promise, "four checks");
  // ten would be under way; here the end of one may be noticed behind the beginning of the next
  assert.ok(most <= 2, `${most} at a time`);
  await proxy.log.first(/ server down .*no answer in time/);
});

Deno.test("a server that refuses a request is down at once, and no request fails", async () => {
  await using a = await startNamedServer("a");
  const b = await startNamedServer("b");
  const health = { type: "tcp", interval: "400ms", fast_interval: "400ms", fall: 99 };
  const api = { servers: [a.address, b.address], health, slow_start: "0s" };
  await using proxy = await startConfigured({ backends: { api } });
  assert.deepEqual((await askAll(proxy.port, 4)).toSorted(), ["a", "a", "b", "b"]);
  await b[Symbol.asyncDispose]();
  assert.deepEqual(await askAll(proxy.port, 4), ["a", "a", "a", "a"]);
  await proxy.log.first(RegExp(` server down backend=api server=${b.address} .*refused`));
  await using again = await startNamedServer("b", { port: b.port });
  await proxy.log.first(RegExp(` server up backend=api server=${again.address} `));
  assert.deepEqual((await askAll(proxy.port, 4)).toSorted(), ["a", "a", "b", "b"]);
});

Deno.test("requests fail at once while all servers are down, and say when to come back", async () => {
  const servers = [`127.0.0.1:${await unusedPort()}`, `127.0.0.1:${await unusedPort()}`];
  const health = { type: "tcp", ...FAST_CHECKS, interval: "3s" };
  for (const when_down of [502, 503]) {
    await using proxy = await startConfigured({
      backends: { api: { servers, health, when_down } },
    });
    await proxy.log.count(/ server down /, 2);
    using client = await connectTls(proxy.port);
    for (let i = 0; i < 3; i++) {
      const started = performance.now();
      await client.write(encodeRequest("/", { fields: ["Accept: application/json"] }));
      const answer = await readAnswer(client);
      assert.ok(performance.now() - started < 2000);
      assert.equal(answer.status, when_down);
      assert.deepEqual(valuesOf(answer, "Retry-After"), ["3"]);
      const error = when_down === 502 ? "no_server" : "backend_unavailable";
      assert.equal(JSON.parse(answer.body).error, error);
    }
    assert.equal(proxy.log.matching(/ server failed /).length, 0, "nobody was tried");
  }
});

Deno.test("a server that hangs gives 504 at the limit, until a check finds it", async () => {
  let well = true;
  await using hung = await startHttp(({ target }) => {
    const answers = well && target === "/healthz";
    return answers ? encodeAnswer("well") : new Promise<string>(() => {});
  }, { brokenOff: true });
  await using b = await startNamedServer("b");
  const api = {
    servers: [hung.address, b.address],
    timeouts: { response: "2s" },
    health: { ...HTTP_CHECK, timeout: "1s", fall: 2 },
  };
  await using proxy = await startConfigured({ backends: { api } });
  const started = performance.now();
  const [first, second] = await askAll(proxy.port, 2);
  assert.deepEqual([first, second].toSorted(), ["504", "b"]);
  assert.ok(performance.now() - started < 7000);
  well = false;
  await proxy.log.first(RegExp(` server down .*server=${hung.address} `));
  assert.deepEqual(await askAll(proxy.port, 3), ["b", "b", "b"]);
});

Deno.test("what is known of a server survives a reload that leaves it as it is", async () => {
  await using a = await startNamedServer("a");
  await using b = await startNamedServer("b");
  a.well = false;
  const health = { ...HTTP_CHECK, fall: 1, interval: "1m", fast_interval: "20ms" };
  const api = { servers: [a.address, b.address], health };
  await using proxy = await startConfigured({ backends: { api } });
  await proxy.log.first(/ server down /);
  const checked = a.checks.length;
  const weighted = { ...api, servers: [a.address, { address: b.address, weight: 5 }] };
  await proxy.reload({ backends: { api: weighted, other: { servers: [a.address] } } });
  // were it a new one, it would be pending, and have its turns
  assert.deepEqual(await askAll(proxy.port, 6), ["b", "b", "b", "b", "b", "b"]);
  assert.equal(a.checks.length, checked);
  assert.equal(proxy.log.matching(/ server (up|down) /).length, 1);

  await proxy.reload({ backends: { api: { ...api, health: { ...health, interval: "50s" } } } });
  await proxy.log.count(/ server down /, 2);
});

Deno.test("requests that fail take a server out for longer and longer", async () => {
  await using bad = await startBackend(async (connection) => {
    await readRequest(connection);
    await connection.write("what?\r\n\r\n");
  }, { brokenOff: true });
  await using b = await startNamedServer("b");
  const ejection = { failures: 3, time: "1s", max_time: "1m" };
  const api = { servers: [bad.address, b.address], ejection, slow_start: "0s" };
  // each worker ejects by what it has met itself
  await using proxy = await startConfigured({ backends: { api }, settings: { workers: 1 } });
  // on one connection, right behind each other, as the time that it is out for is short
  const answers = await askAll(proxy.port, 10);
  assert.deepEqual(answers.slice(0, 6).toSorted(), ["502", "502", "502", "b", "b", "b"]);
  assert.ok(!answers.slice(6).includes("502"));
  const ejected = await proxy.log.first(/ warning server ejected .*server=(\S+) reason="(.*)"/);
  assert.deepEqual(ejected.slice(1), [
    bad.address,
    "3 failures in a row, the last: The HTTP version is malformed; for 1 s",
  ]);
  await proxy.log.first(/ info server up .*reason="its time out is over"/);
  // one failure is enough now
  assert.deepEqual((await askAll(proxy.port, 4)).filter((answer) => answer === "502"), ["502"]);
  const [, again = ""] = await proxy.log.count(/ server ejected /, 2);
  assert.match(again, /; for 2 s"$/);
});

Deno.test("ejection leaves the share of servers that it is told to", async () => {
  const servers = [];
  for (let i = 0; i < 4; i++) servers.push(`127.0.0.1:${await unusedPort()}`);
  const ejection = { failures: 1, time: "1m", min_healthy: 50 };
  await using proxy = await startConfigured({ backends: { api: { servers, ejection } } });
  assert.deepEqual(await askAll(proxy.port, 3), ["502", "502", "502"]);
  // what was ejected before the requests were answered comes first in the log
  await proxy.log.count(/ warning request .*status=502/, 3);
  assert.equal(proxy.log.matching(/ server ejected /).length, 2);
});

Deno.test("a server that was ejected is asked again when there is no other", async () => {
  await using a = await startNamedServer("a");
  const b = await startNamedServer("b");
  const api = { servers: [a.address, b.address], ejection: { time: "1m" } };
  await using proxy = await startConfigured({ backends: { api } });
  await askAll(proxy.port, 2);
  await b[Symbol.asyncDispose]();
  assert.deepEqual(await askAll(proxy.port, 2), ["a", "a"]);
  await proxy.log.first(RegExp(` server ejected .*server=${b.address} `));
  await using again = await startNamedServer("b", { port: b.port });
  await a[Symbol.asyncDispose]();
  assert.deepEqual(await askAll(proxy.port, 3), ["b", "b", "b"]);
  assert.equal(again.requests.length, 3);
});
