import assert from "node:assert/strict";
import { startEcho, startHttp, unusedPort } from "./support/backends.ts";
import { FAST_CHECKS, startConfigured } from "./support/configured_proxy.ts";
import type { TestConnection } from "./support/connection.ts";
import { eventually } from "./support/deadline.ts";
import { encodeAnswer, encodeRequest, readAnswer, valuesOf } from "./support/http.ts";
import { Http2Client } from "./support/http2_client.ts";
import { resetFrame } from "./support/http2_frames.ts";
import { askAll, startNamedServer } from "./support/named_server.ts";
import { ENGINES } from "./support/start_proxy.ts";
import { connectNodeTls, connectTls } from "./support/tls_client.ts";
import { ERROR } from "../lib/http2/wire.ts";

/** How often each answer came. */
function counted(answers: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1;
  return counts;
}

Deno.test("round_robin gives each server its weight, spread evenly", async () => {
  await using a = await startNamedServer("a");
  await using b = await startNamedServer("b");
  const servers = [{ address: a.address, weight: 3 }, b.address];
  await using proxy = await startConfigured({ backends: { api: { servers } } });
  assert.equal((await askAll(proxy.port, 8)).join(""), "aabaaaba");
});

Deno.test("random uses every server", async () => {
  await using a = await startNamedServer("a");
  await using b = await startNamedServer("b");
  const api = { servers: [a.address, b.address], balance: "random" };
  await using proxy = await startConfigured({ backends: { api } });
  const { a: ofA = 0, b: ofB = 0 } = counted(await askAll(proxy.port, 60));
  // less than one in a billion runs has one below 5
  assert.ok(ofA >= 5 && ofB >= 5 && ofA + ofB === 60, `${ofA} and ${ofB}`);
});

/** A server whose answers wait for the test. */
async function startSlow(name: string, listen: { port?: number } = {}) {
  const waiting: (() => void)[] = [];
  const backend = await startHttp(async () => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return encodeAnswer(name);
  }, { brokenOff: true, listen });
  return Object.assign(backend, {
    answerAll: () => waiting.splice(0).forEach((answer) => answer()),
  });
}

Deno.test("least_connections avoids a server that is busy", async () => {
  await using slow = await startSlow("slow");
  await using b = await startNamedServer("b");
  const api = { servers: [slow.address, b.address], balance: "least_connections" };
  await using proxy = await startConfigured({ backends: { api } });
  // while nobody has anything to do they take turns, the first one first
  using busy = await connectTls(proxy.port);
  await busy.write(encodeRequest("/"));
  await waitForRequest(slow);
  assert.deepEqual(counted(await askAll(proxy.port, 10)), { b: 10 });
  slow.answerAll();
  assert.equal((await readAnswer(busy)).body, "slow");
});

async function waitForRequest({ requests }: { requests: readonly unknown[] }): Promise<void> {
  await eventually(() => requests.length > 0 || undefined, "a request");
}

Deno.test("source_hash keeps a client at its server, and moves only who has to", async () => {
  const servers = await Promise.all(["a", "b", "c"].map((name) => startNamedServer(name)));
  const api = { servers: servers.map(({ address }) => address), balance: "source_hash" };
  await using proxy = await startConfigured({ backends: { api } });
  const clients = Array.from({ length: 48 }, (_, i) => `127.0.1.${i + 1}`);
  const placesOf = () => Promise.all(clients.map((client) => askFrom(client, proxy.port)));

  const before = await placesOf();
  assert.deepEqual(await placesOf(), before);
  assert.equal(new Set(before).size, 3);
  await servers[1]?.[Symbol.asyncDispose]();
  const after = await placesOf();
  for (const [i, place] of before.entries()) {
    if (place === "b") assert.match(after[i] ?? "", /^[ac]$/);
    else assert.equal(after[i], place);
  }
  for (const server of [servers[0], servers[2]]) await server?.[Symbol.asyncDispose]();
});

Deno.test("source_hash goes by the client that a trusted proxy tells, also on one connection", async () => {
  await using a = await startNamedServer("a");
  await using b = await startNamedServer("b");
  const api = { servers: [a.address, b.address], balance: "source_hash" };
  const clients = Array.from({ length: 16 }, (_, i) => `192.0.2.${i + 1}`);
  const placesOf = async (port: number) => {
    const { connection } = await connectNodeTls(port);
    using client = connection;
    const places: string[] = [];
    for (const address of clients) {
      await client.write(encodeRequest("/", { fields: [`X-Forwarded-For: ${address}`] }));
      places.push((await readAnswer(client)).body);
    }
    return places;
  };
  const trusting = { forwarded: { trusted: ["127.0.0.1"] } };
  await using proxy = await startConfigured({ backends: { api }, settings: trusting });
  const places = await placesOf(proxy.port);
  assert.equal(new Set(places).size, 2);
  assert.deepEqual(await placesOf(proxy.port), places);
  // nobody else is believed
  await proxy.reload({ backends: { api } });
  assert.equal(new Set(await placesOf(proxy.port)).size, 1);
});

async function askFrom(localAddress: string, port: number): Promise<string> {
  const { connection } = await connectNodeTls(port, {}, { localAddress });
  using client = connection;
  await client.write(encodeRequest("/"));
  return (await readAnswer(client)).body;
}

Deno.test("backup servers have work only while all others are out", async () => {
  await using a = await startNamedServer("a");
  await using b = await startNamedServer("b");
  const health = { type: "http", path: "/healthz", ...FAST_CHECKS, fall: 1 };
  const servers = [a.address, { address: b.address, backup: true }];
  const api = { servers, health, slow_start: "0s" };
  await using proxy = await startConfigured({ backends: { api } });
  assert.deepEqual(counted(await askAll(proxy.port, 5)), { a: 5 });
  a.well = false;
  await proxy.log.first(/ server down /);
  assert.deepEqual(counted(await askAll(proxy.port, 5)), { b: 5 });
  a.well = true;
  await proxy.log.first(/ server up /);
  assert.deepEqual(counted(await askAll(proxy.port, 5)), { a: 5 });
});

Deno.test("a server that drains gets nothing new, and finishes what it has", async () => {
  await using slow = await startSlow("slow");
  await using b = await startNamedServer("b");
  const backup = { address: b.address, backup: true };
  const api = { servers: [slow.address, backup] };
  await using proxy = await startConfigured({ backends: { api } });
  using client = await connectTls(proxy.port);
  await client.write(encodeRequest("/"));
  await waitForRequest(slow);
  const draining = { servers: [{ address: slow.address, drain: true }, backup] };
  await proxy.reload({ backends: { api: draining } });
  assert.deepEqual(counted(await askAll(proxy.port, 5)), { b: 5 });
  slow.answerAll();
  assert.equal((await readAnswer(client)).body, "slow");
});

Deno.test("who waits for a server that was not tried yet holds nobody up", async () => {
  await using busy = await startSlow("busy");
  const port = await unusedPort();
  const servers = [`127.0.0.1:${port}`, busy.address]
    .map((address) => ({ address, max_connections: 1 }));
  const api = { servers, queue: { max: 2, timeout: "60s" }, ejection: { failures: 0 } };
  await using proxy = await startConfigured({
    backends: { api: { ...api, health: { type: "none" } } },
    settings: { workers: 1 },
  });
  using client = await Http2Client.connect(proxy.port);
  await client.ask(1, "/");
  await waitForRequest(busy);
  await client.ask(3, "/");
  await proxy.log.count(/ server failed /, 2);
  await using back = await startSlow("back", { port });
  await client.ask(5, "/");
  await waitForRequest(back);
  await client.ask(7, "/");
  assert.equal((await client.get(9, "/")).status, 503);
  back.answerAll();
  await eventually(() => back.requests.length > 1 || undefined, "its request");
  back.answerAll();
  assert.equal((await client.answer(7)).body, "back");
  busy.answerAll();
  assert.equal((await client.answer(1)).body, "busy");
});

Deno.test("who has left takes no room from those who wait for a place", async () => {
  await using slow = await startSlow("slow");
  const servers = [{ address: slow.address, max_connections: 1 }];
  const api = { servers, queue: { max: 1, timeout: "20s" } };
  await using proxy = await startConfigured({ backends: { api }, settings: { workers: 1 } });
  using client = await Http2Client.connect(proxy.port);
  await client.ask(1, "/");
  await waitForRequest(slow);
  await client.ask(3, "/");
  assert.equal((await client.get(5, "/")).status, 503);
  await client.send(resetFrame(3, ERROR.cancel));
  await proxy.log.first(/ request .*error=client_gone /);
  await client.ask(7, "/");
  slow.answerAll();
  assert.equal((await client.answer(1)).status, 200);
  await eventually(() => slow.requests.length > 1 || undefined, "its request");
  slow.answerAll();
  assert.equal((await client.answer(7)).status, 200);
});

for (const engine of ENGINES) {
  Deno.test(`who has left takes no room from those who wait in tcp mode (${engine})`, async () => {
    await using echo = await startEcho();
    const servers = [{ address: echo.address, max_connections: 1 }];
    const api = { servers, queue: { max: 1, timeout: "20s" } };
    await using proxy = await startConfigured({ mode: "tcp", engine, backends: { api } });
    using busy = await connectTls(proxy.port);
    await busy.write("a");
    await busy.readText(1);
    const { connection: leaving } = await connectNodeTls(proxy.port);
    await leaving.write("b");
    await proxy.log.count(/ info handshake /, 2);
    leaving.reset();
    await proxy.log.first(/ end .* in=[01] out=0 .*how="client_gone: /);
    using waiting = await connectTls(proxy.port);
    // more than is read of who waits, in several pieces
    const pieces = ["c", "d".repeat(1500), "e".repeat(3000)];
    for (const piece of pieces) await waiting.write(piece);
    await proxy.log.count(/ info handshake /, 3);
    using tooMany = await connectTls(proxy.port);
    await tooMany.untilGone();
    await busy.end();
    const said = pieces.join("");
    assert.equal(await waiting.readText(said.length), said);
    await waiting.write("f");
    await waiting.end();
    assert.equal(await waiting.readRest(), "f");
    assert.equal(echo.connections.length, 2);
  });
}

Deno.test("who waits for a place is served though a reload makes the server another", async () => {
  await using slow = await startSlow("slow");
  const servers = [{ address: slow.address, max_connections: 1 }];
  const api = { servers, queue: { max: 1, timeout: "20s" } };
  await using proxy = await startConfigured({ backends: { api }, settings: { workers: 1 } });
  const [first, ...others] = await Promise.all([1, 2, 3].map(() => connectTls(proxy.port)));
  assert.ok(first !== undefined);
  await first.write(encodeRequest("/"));
  await waitForRequest(slow);
  // one of them waits once the other has found no room to
  for (const client of others) await client.write(encodeRequest("/"));
  const answers = others.map((client) => readAnswer(client));
  assert.equal((await Promise.race(answers)).status, 503);
  await proxy.reload({ backends: { api: { ...api, slow_start: "1s" } } });
  slow.answerAll();
  assert.equal((await readAnswer(first)).status, 200);
  await eventually(() => slow.requests.length > 1 || undefined, "its request");
  slow.answerAll();
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  assert.deepEqual(statuses.sort(), [200, 503]);
  for (const client of [first, ...others]) client.close();
});

/** What may become of the settings of a backend while requests wait for a place there. */
const MORE_PLACES = {
  "max_connections": {},
  "max_connections and queue": { queue: { max: 3, timeout: "30s" } },
};
for (const [what, more] of Object.entries(MORE_PLACES)) {
  Deno.test(`who waits for a place has one of those that a reload adds (${what})`, async () => {
    await using slow = await startSlow("slow");
    const settings = { workers: 1 };
    const api = (max_connections: number) => ({
      servers: [{ address: slow.address, max_connections }],
      queue: { max: 2, timeout: "30s" },
    });
    await using proxy = await startConfigured({ backends: { api: api(1) }, settings });
    using client = await Http2Client.connect(proxy.port);
    await client.ask(1, "/");
    await waitForRequest(slow);
    // the last finds no room to wait, so the others do wait
    for (const stream of [3, 5, 7]) await client.ask(stream, "/");
    assert.equal((await client.answer(7)).status, 503);
    await proxy.reload({ backends: { api: { ...api(3), ...more } }, settings });
    await eventually(() => slow.requests.length === 3 || undefined, "those that waited");
    slow.answerAll();
    for (const stream of [1, 3, 5]) assert.equal((await client.answer(stream)).body, "slow");
  });
}

Deno.test("max_connections lets requests wait, in order, bounded in number and time", async () => {
  await using slow = await startSlow("slow");
  const api = (timeout: string) => ({
    servers: [{ address: slow.address, max_connections: 1 }],
    queue: { max: 2, timeout },
  });
  // their order is that of one thread, and so is the connection they share
  const settings = { workers: 1 };
  await using proxy = await startConfigured({ backends: { api: api("60s") }, settings });
  const clients = await Promise.all([1, 2, 3, 4].map(() => connectTls(proxy.port)));
  const [first, second, third, fourth] = clients as [
    TestConnection,
    TestConnection,
    TestConnection,
    TestConnection,
  ];
  await first.write(encodeRequest("/1"));
  await waitForRequest(slow);
  await second.write(encodeRequest("/2"));
  await third.write(encodeRequest("/3"));
  // whichever comes third finds no room
  await fourth.write(encodeRequest("/4"));
  const answers = [second, third, fourth].map((client) => readAnswer(client));
  const refused = await Promise.race(answers);
  assert.equal(refused.status, 503);
  assert.equal(valuesOf(refused, "Retry-After").length, 1);
  assert.equal(slow.requests.length, 1);
  slow.answerAll();
  assert.equal((await readAnswer(first)).status, 200);
  // one of those that wait has the place now, and then the other
  for (const count of [2, 3]) {
    await eventually(() => slow.requests.length >= count || undefined, "the next request");
    assert.equal(slow.requests.length, count);
    slow.answerAll();
  }
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  assert.deepEqual(statuses.toSorted(), [200, 200, 503]);
  assert.equal(slow.connections.length, 1, "the connection is the same");

  await proxy.reload({ backends: { api: api("700ms") }, settings });
  await first.write(encodeRequest("/5"));
  await eventually(() => slow.requests.length > 3 || undefined, "a request");
  assert.deepEqual(await askAll(proxy.port, 1), ["503"]);
  await proxy.log.first(/ status=503 .*error=overloaded reason="No server was free for 0\.7 s"/);
  assert.equal(slow.requests.length, 4);
  slow.answerAll();
  for (const client of clients) client.close();
});
