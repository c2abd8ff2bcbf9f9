import assert from "node:assert/strict";
import { startHeld } from "./support/backends.ts";
import { FAST_CHECKS, type ProxyConfig, startConfigured } from "./support/configured_proxy.ts";
import { eventually, pause } from "./support/deadline.ts";
import { encodeRequest, readAnswer } from "./support/http.ts";
import { startNameServer } from "./support/name_server.ts";
import { askAll, type NamedServer, startNamedServer } from "./support/named_server.ts";
import { connectTls } from "./support/tls_client.ts";

/** Servers on one port of several addresses of this machine. */
async function startTogether(hosts: readonly string[]): Promise<NamedServer[]> {
  for (let attempt = 0;; attempt++) {
    const started: NamedServer[] = [];
    try {
      for (const host of hosts) {
        const port = started[0]?.port ?? 0;
        started.push(await startNamedServer(host, { host, port }));
      }
      return started;
    } catch (error) {
      for (const server of started) await server[Symbol.asyncDispose]();
      if (attempt === 10) throw error;
    }
  }
}

async function stopAll(servers: readonly NamedServer[]): Promise<void> {
  for (const server of servers) await server[Symbol.asyncDispose]();
}

const [A, B, C] = ["127.0.9.1", "127.0.9.2", "::1"] as const;

Deno.test("dns: servers follow the addresses of their name", async () => {
  const servers = await startTogether([A, B, C]);
  await using names = await startNameServer({ a: [A, B], aaaa: [C] });
  const api = {
    servers: [`dns:api.test:${servers[0]?.port}`],
    dns: { server: names.address, interval: "100ms" },
    slow_start: "0s",
  };
  // each worker looks names up by itself
  const settings = { workers: 1 };
  const config: ProxyConfig = { backends: { api }, settings };
  await using proxy = await startConfigured(config);
  const placesOf = async (count: number) => (await askAll(proxy.port, count)).toSorted();
  // also for the very first request
  assert.deepEqual(await placesOf(6), [A, A, B, B, C, C]);

  names.answers = { a: [B], aaaa: [] };
  await proxy.log.first(/ servers resolved .*name=api\.test:\d+ added=- removed=/);
  assert.deepEqual(await placesOf(3), [B, B, B]);
  const kept = servers[1]?.requests.length;

  // no answer, and an empty one, are no reason to have no servers
  for (const answers of [undefined, { a: [], aaaa: [] }]) {
    names.answers = answers;
    const asked = names.questions;
    await eventually(() => names.questions > asked + 6 || undefined, "questions");
    assert.deepEqual(await placesOf(3), [B, B, B]);
  }
  assert.equal(proxy.log.matching(/ warning resolve failed .* kept=1 /).length, 1, "once");

  names.answers = { a: [A, B], aaaa: [] };
  await proxy.log.count(/ servers resolved .*added=127\.0\.9\.1:\d+ removed=-/, 1);
  assert.deepEqual(await placesOf(4), [A, A, B, B]);
  assert.equal(servers[1]?.requests.length, (kept ?? 0) + 3 + 3 + 2);

  // a reload that leaves them leaves what is known of them
  const lookedUp = proxy.log.matching(/ servers resolved /).length;
  await proxy.reload({ backends: { api: { ...api, balance: "random" } }, settings });
  await askAll(proxy.port, 2);
  assert.equal(proxy.log.matching(/ servers resolved /).length, lookedUp);
  await stopAll(servers);
});

Deno.test("dns: who waits for a place has that of a server that comes", async () => {
  await using busy = await startHeld("busy", { listen: { host: A } });
  await using fresh = await startNamedServer("fresh", { host: B, port: busy.port });
  await using names = await startNameServer({ a: [A], aaaa: [] });
  const api = {
    servers: [{ address: `dns:api.test:${busy.port}`, max_connections: 1 }],
    dns: { server: names.address, interval: "100ms" },
    queue: { timeout: "20s" },
    health: { type: "none" },
  };
  await using proxy = await startConfigured({ backends: { api }, settings: { workers: 1 } });
  using first = await connectTls(proxy.port);
  await first.write(encodeRequest("/"));
  await eventually(() => busy.requests.length > 0 || undefined, "a request");
  const second = askAll(proxy.port, 1);
  await pause(300);
  names.answers = { a: [A, B], aaaa: [] };
  assert.deepEqual(await second, ["fresh"]);
  assert.equal(fresh.requests.length, 1);
  busy.release();
  assert.equal((await readAnswer(first)).body, "busy");
});

Deno.test("dns: what checks find holds for workers that find a server at another time", async () => {
  const servers = await startTogether([A, B]);
  const ill = servers[1];
  assert.ok(ill !== undefined);
  ill.well = false;
  await using names = await startNameServer({ a: [A], aaaa: [] });
  const health = { type: "http", path: "/healthz", ...FAST_CHECKS, fall: 1, rise: 1 };
  const api = {
    servers: [`dns:api.test:${ill.port}`],
    dns: { server: names.address, interval: "300ms" },
    ...{ health, slow_start: "0s" },
  };
  await using proxy = await startConfigured({ backends: { api }, settings: { workers: 2 } });
  const becomes = (places: string) =>
    eventually(async () => {
      // some at each worker
      const asked = Array.from({ length: 16 }, () => askAll(proxy.port, 2));
      const all = await Promise.all(asked);
      return all.every((some) => some.toSorted().join() === places) || undefined;
    }, `requests at ${places}`);
  await becomes(`${A},${A}`);

  // the control plane and two workers ask in turns: each finds it at another time
  let count = 0;
  names.answers = {
    get a() {
      return count++ % 4 === 0 ? [A, B] : [A];
    },
    aaaa: [],
  };
  await proxy.log.first(/ server down /);
  names.answers = { a: [A, B], aaaa: [] };
  const asked = names.questions;
  await eventually(() => names.questions > asked + 12 || undefined, "questions");
  await becomes(`${A},${A}`);

  // one of them does not, and finds it anew, and well
  names.answers = {
    get a() {
      return count++ % 4 === 0 ? [A] : [A, B];
    },
    aaaa: [],
  };
  const removed = new RegExp(` servers resolved .*removed=${B}:`);
  await proxy.log.count(removed, proxy.log.matching(removed).length + 1);
  ill.well = true;
  names.answers = { a: [A, B], aaaa: [] };
  await becomes(`${A},${B}`);
  await stopAll(servers);
});

Deno.test("dns: servers are found where nobody answers for the other kind of address", async () => {
  const servers = await startTogether([A, B, C]);
  await using names = await startNameServer({ a: [A], aaaa: "silent" });
  const api = {
    servers: [`dns:api.test:${servers[0]?.port}`],
    dns: { server: names.address, interval: "100ms" },
    slow_start: "0s",
  };
  await using proxy = await startConfigured({ backends: { api }, settings: { workers: 1 } });
  const placesOf = async (count: number) => (await askAll(proxy.port, count)).toSorted();
  assert.deepEqual(await placesOf(2), [A, A]);

  // what was found stays where nobody says that it has gone
  names.answers = { a: [A, B], aaaa: [C] };
  await proxy.log.first(/ servers resolved .*added=\S*127\.0\.9\.2/);
  await proxy.log.first(/ servers resolved .*added=\S*::1/);
  names.answers = { a: [B], aaaa: "silent" };
  await proxy.log.first(/ servers resolved .*added=- removed=127\.0\.9\.1:\d+( |$)/);
  assert.deepEqual(await placesOf(2), [B, C]);
  assert.deepEqual(proxy.log.matching(/ resolve failed /), []);
  await stopAll(servers);
});

Deno.test("dns: servers are looked up in the system's way, and checked one by one", async () => {
  await using local = await startNamedServer("local");
  const api = {
    servers: [`dns:localhost:${local.port}`],
    health: { type: "http", path: "/healthz", interval: "100ms", fast_interval: "50ms" },
  };
  await using proxy = await startConfigured({ backends: { api } });
  assert.deepEqual(await askAll(proxy.port, 2), ["local", "local"]);
  await eventually(() => local.checks.length > 1 || undefined, "checks");
});

Deno.test("dns: servers lie in the networks that they may lie in", async () => {
  const servers = await startTogether([A, B]);
  await using names = await startNameServer({ a: [A, B], aaaa: [] });
  const api = {
    servers: [`dns:api.test:${servers[0]?.port}`],
    dns: { server: names.address, networks: [`${B}/32`, "10.0.0.0/8"] },
  };
  await using proxy = await startConfigured({ backends: { api } });
  assert.deepEqual(await askAll(proxy.port, 3), [B, B, B]);
  await stopAll(servers);
});

Deno.test("dns: servers stay over a reload while their name cannot be looked up", async () => {
  const servers = await startTogether([A, B]);
  await using names = await startNameServer({ a: [A, B], aaaa: [] });
  const config = (slowStart: string, networks: readonly string[] = []): ProxyConfig => ({
    backends: {
      api: {
        servers: [`dns:api.test:${servers[0]?.port}`],
        dns: { server: names.address, timeout: "1s", networks },
        slow_start: slowStart,
      },
    },
    settings: { workers: 2 },
  });
  await using proxy = await startConfigured(config("0s"));
  assert.deepEqual((await askAll(proxy.port, 2)).toSorted(), [A, B]);
  names.answers = undefined;
  for (const [index, slowStart] of ["1ms", "2ms"].entries()) {
    assert.match(await proxy.reload(config(slowStart)), /1 backend changed/);
    await proxy.log.count(/ resolve failed backend=api name=\S+ kept=2 /, index + 1);
    assert.deepEqual((await askAll(proxy.port, 2)).toSorted(), [A, B]);
  }
  // they may be what is to be left out from now on
  await proxy.reload(config("2ms", [`${A}/32`]));
  assert.deepEqual(await askAll(proxy.port, 1), ["502"]);
  await stopAll(servers);
});

Deno.test("dns: servers that were never found are none, at once", async () => {
  await using names = await startNameServer(undefined);
  const api = { servers: ["dns:api.test:80"], dns: { server: names.address, timeout: "1s" } };
  await using proxy = await startConfigured({ backends: { api } });
  assert.deepEqual(await askAll(proxy.port, 2), ["502", "502"]);
  await proxy.log.first(/ warning resolve failed backend=api name=api\.test:80 kept=0 reason=/);
});
