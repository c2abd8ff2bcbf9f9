import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { eventually } from "../../tests/support/deadline.ts";
import { OWN_COUNTERS } from "../core/counters.ts";
import { Deadlines } from "../io/deadlines.ts";
import { ProxyError } from "../core/errors.ts";
import type { ProxyEvent } from "../core/event.ts";
import type { Server } from "./server.ts";
import { type ServerKey, ServerRegistry } from "./server_registry.ts";

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };

const HEALTH = {
  probe: { type: "tcp" },
  ...{ interval: 60_000, fastInterval: 60_000, timeout: 1_000, rise: 2, fall: 3 },
} as const;

const KEY: ServerKey = {
  backend: "api",
  endpoint: { kind: "tcp", host: "192.0.2.1", port: 80 },
  queue: { max: 1, timeout: 1_000 },
  settings: {
    pool: { maxIdle: 1, idleTimeout: 60_000 },
    health: HEALTH,
    ejection: { failures: 1, time: 60_000, maxTime: 60_000 },
    slowStart: 0,
    proxyProtocol: undefined,
    tls: undefined,
    protocol: "http1",
    limits: { headerBytes: 1024, headers: 10 },
  },
};

const ONE_PLACE: ServerKey = { ...KEY, maxConnections: 1 };

const REFUSED = new ProxyError("connect_failed", "refused", {
  cause: new Deno.errors.ConnectionRefused(),
});
const BROKEN = new ProxyError("bad_response", "what is this?");

function newRegistry() {
  const events: ProxyEvent[] = [];
  const registry = new ServerRegistry({
    deadlines: new Deadlines(),
    observe: (event) => events.push(event),
    counters: OWN_COUNTERS,
    checked: true,
  });
  return { registry, events };
}

Deno.test("ServerRegistry keeps a server that stays as it is", SANITIZED, () => {
  const { registry } = newRegistry();
  const first = registry.stage();
  const server = first.server(KEY);
  assert.equal(first.server(KEY), server);
  first.commit();
  server.fail(REFUSED, () => true);
  assert.deepEqual([server.state, server.usable], ["down", false]);
  const next = registry.stage();
  assert.equal(next.server(KEY), server);
  next.commit();
  assert.equal(server.state, "down");
  registry.close();
});

const OTHERS: readonly [what: string, change: Partial<ServerKey>][] = [
  ["backend", { backend: "other" }],
  ["address", { endpoint: { kind: "tcp", host: "192.0.2.2", port: 80 } }],
  ["pool", { settings: { ...KEY.settings, pool: { maxIdle: 2, idleTimeout: 60_000 } } }],
  ["check", { settings: { ...KEY.settings, health: { ...HEALTH, fall: 4 } } }],
  ["limit of answers", {
    settings: { ...KEY.settings, limits: { headerBytes: 1024, headers: 11 } },
  }],
  ["PROXY protocol", { settings: { ...KEY.settings, proxyProtocol: "v1" } }],
];

for (const [what, change] of OTHERS) {
  Deno.test(`ServerRegistry takes a server with another ${what} for another`, SANITIZED, () => {
    const { registry } = newRegistry();
    const first = registry.stage();
    const server = first.server(KEY);
    first.commit();
    const next = registry.stage();
    const other = next.server({ ...KEY, ...change });
    assert.notEqual(other, server);
    assert.equal(server.state, "pending", "it goes on until the commit");
    next.commit();
    assert.deepEqual([server.state, other.state], ["draining", "pending"]);
    registry.close();
  });
}

Deno.test("ServerRegistry counts what a server has on over a change of its settings", async () => {
  const { registry } = newRegistry();
  const first = registry.stage();
  const server = first.server(ONE_PLACE);
  first.commit();
  assert.ok(server.enter());
  const key = { ...ONE_PLACE, queue: { ...KEY.queue, max: KEY.queue.max + 1 } };
  await assertTakesItsPlaces(registry, { server, key: key });
  registry.close();
});

Deno.test("ServerRegistry counts what a server has on while it is gone and comes back", async () => {
  const { registry } = newRegistry();
  const first = registry.stage();
  const server = first.server(ONE_PLACE);
  first.commit();
  assert.ok(server.enter());
  registry.stage().commit();
  await assertTakesItsPlaces(registry, { server, key: ONE_PLACE });
  registry.close();
});

/** Whoever is there by the key now goes on counting what `server` has, which is full with one request. */
async function assertTakesItsPlaces(
  registry: ServerRegistry,
  { server, key }: { server: Server; key: ServerKey },
): Promise<void> {
  const next = registry.stage();
  const [room, follower] = [next.room(key), next.server(key)];
  next.commit();
  assert.notEqual(follower, server);
  assert.equal(follower.enter(), false);
  const waits = room.wait(() => follower.enter() ? "in" : undefined);
  server.leave();
  assert.equal(await waits, "in");
  assert.equal(follower.load, 1);
}

Deno.test(
  "ServerRegistry tells of a server that was out that it begins anew, once",
  SANITIZED,
  () => {
    const { registry, events } = newRegistry();
    const begin = (slowStart: number) => {
      const staged = registry.stage();
      const server = staged.server({ ...KEY, settings: { ...KEY.settings, slowStart } });
      staged.commit();
      return server;
    };
    const states = () =>
      events.flatMap((event) => event.kind === "server_state" ? [event.state] : []);
    begin(1).fail(REFUSED, () => true);
    assert.deepEqual(states(), ["down"]);
    begin(1);
    assert.deepEqual(states(), ["down"], "it stays as it is");
    for (const slowStart of [2, 3]) {
      begin(slowStart);
      assert.deepEqual(states(), ["down", "up"]);
    }
    registry.close();
  },
);

Deno.test("ServerRegistry tells which servers the configuration has drain", SANITIZED, () => {
  const { registry } = newRegistry();
  const kept = new Set<unknown>();
  for (const drains of [false, true, false]) {
    const staged = registry.stage();
    kept.add(staged.server({ ...KEY, drains }));
    staged.commit();
    assert.deepEqual(registry.views().map((view) => view.drains), [drains]);
  }
  assert.equal(kept.size, 1, "it stays the same server");
  registry.close();
});

Deno.test("ServerRegistry shows an address once that two names have, by the better of the two", async () => {
  const { registry } = newRegistry();
  const staged = registry.stage();
  const groups = ["localhost", "LOCALHOST"].map((host) =>
    staged.group({
      ...KEY,
      settings: { ...KEY.settings, health: undefined },
      name: { kind: "dns", host, port: 80 },
      resolve: { server: undefined, networks: ["127.0.0.0/8"], timeout: 5_000, interval: 60_000 },
    })
  );
  await staged.ready();
  staged.commit();
  const [one, other] = groups.flatMap(({ servers }) => servers);
  assert.ok(one !== undefined && other !== undefined && one !== other);
  for (const server of [one, other]) server.enter();
  const shown = () => registry.views().map(({ name, state, load }) => [name, state, load]);
  assert.deepEqual(shown(), [["127.0.0.1:80", "unchecked", 2]]);
  one.fail(REFUSED, () => true);
  assert.deepEqual(shown(), [["127.0.0.1:80", "unchecked", 2]]);
  other.fail(REFUSED, () => true);
  assert.deepEqual(shown(), [["127.0.0.1:80", "ejected", 2]]);
  registry.close();
});

Deno.test("ServerRegistry keeps nothing of names that others have taken the place of", async () => {
  setFlagsFromString("--expose-gc");
  const gc: () => void = runInNewContext("gc");
  const { registry } = newRegistry();
  const resolve = { server: undefined, networks: [], timeout: 5_000, interval: 60_000 };
  const name = { kind: "dns", host: "localhost", port: 80 } as const;
  const groups: WeakRef<object>[] = [];
  for (let slowStart = 1; slowStart <= 5; slowStart++) {
    const staged = registry.stage();
    const settings = { ...KEY.settings, slowStart, health: undefined };
    groups.push(new WeakRef(staged.group({ ...KEY, settings, name, resolve })));
    await staged.ready();
    staged.commit();
  }
  const gone = groups.slice(0, -1);
  await eventually(() => {
    gc();
    return gone.every((group) => group.deref() === undefined) || undefined;
  }, "all but the last to be gone");
  assert.notEqual(groups.at(-1)?.deref(), undefined);
  registry.close();
});

Deno.test(
  "ServerRegistry drains what was asked for while a configuration is made ready",
  SANITIZED,
  () => {
    const { registry } = newRegistry();
    const first = registry.stage();
    const { name } = first.server(KEY);
    first.commit();
    for (const drained of [true, false]) {
      const next = registry.stage();
      const settings = { ...KEY.settings, slowStart: drained ? 1 : 2 };
      const server = next.server({ ...KEY, settings });
      registry.setDrained({ backend: KEY.backend, server: name }, drained);
      next.commit();
      assert.equal(server.drained, drained);
    }
    registry.close();
  },
);

Deno.test("ServerRegistry takes a server back in also while it is away", SANITIZED, () => {
  const { registry } = newRegistry();
  const stageWith = (key: ServerKey) => {
    const staged = registry.stage();
    const server = staged.server(key);
    staged.commit();
    return server;
  };
  const name = { backend: KEY.backend, server: stageWith(KEY).name };
  assert.equal(registry.setDrained(name, true), true);
  stageWith({ ...KEY, endpoint: { kind: "tcp", host: "192.0.2.2", port: 80 } });
  assert.equal(registry.setDrained(name, false), true);
  assert.deepEqual([true, false].map((drained) => registry.setDrained(name, drained)), [
    false,
    false,
  ]);
  assert.equal(stageWith(KEY).drained, false);
  registry.close();
});

Deno.test("ServerRegistry leaves no timer behind, whatever becomes of a server", SANITIZED, () => {
  const { registry, events } = newRegistry();
  const staged = registry.stage();
  const server = staged.server(KEY);
  staged.commit();
  server.fail(BROKEN, () => true);
  assert.equal(server.state, "ejected");
  const dropped = registry.stage();
  dropped.server({ ...KEY, backend: "dropped" });
  dropped.drop();
  registry.close();
  assert.deepEqual(events.map((event) => event.kind === "server_state" && event.state), [
    "ejected",
  ]);
});

Deno.test("a server is ejected only where its backend can do without it", SANITIZED, () => {
  const { registry, events } = newRegistry();
  const staged = registry.stage();
  const server = staged.server(KEY);
  staged.commit();
  server.fail(BROKEN, () => false);
  assert.deepEqual([server.usable, events.length], [true, 0]);
  registry.close();
});
