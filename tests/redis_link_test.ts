import assert from "node:assert/strict";
import { Redis } from "../lib/cluster/redis.ts";
import { testCertificates } from "./support/certificates.ts";
import { eventually, within } from "./support/deadline.ts";
import { startRedis } from "./support/redis.ts";

const LINKS = 30;

Deno.test("who is told that Redis is back can ask it, whichever connection was first", async () => {
  await using server = await startRedis();
  using stack = new DisposableStack();
  const [host = "", port] = server.address.split(":");
  const options = { host, port: Number(port), tls: false, password: undefined, prefix: "test:" };
  const links = Array.from({ length: LINKS }, () => {
    const gone = Promise.withResolvers<void>();
    const redis = stack.use(new Redis(options, (state) => state === "down" && gone.resolve()));
    return { redis, gone };
  });
  await Promise.all(links.map(({ redis }) => redis.open()));
  const asked = links.map(async ({ redis, gone }) => {
    await gone.promise;
    const answer = Promise.withResolvers<string | undefined>();
    redis.onArrival(() => void redis.get("key").then(answer.resolve, answer.reject));
    return await answer.promise;
  });
  await server.stop();
  await within(Promise.all(links.map(({ gone }) => gone.promise)), "all to find it gone");
  await server.start();
  assert.deepEqual(await within(Promise.all(asked), "all to be told"), links.map(() => undefined));
});

Deno.test("a Redis whose connections have gone without a word is connected to anew", async () => {
  await using server = await startRedis();
  await using way = startWay(server.address);
  const states = { down: Promise.withResolvers<void>(), up: Promise.withResolvers<void>() };
  using redis = new Redis(
    { host: "127.0.0.1", port: way.port, tls: false, password: undefined, prefix: "test:" },
    (state) => states[state].resolve(),
  );
  const message = Promise.withResolvers<string>();
  redis.subscribe("news", message.resolve);
  await redis.open();
  way.lose();
  await assert.rejects(redis.get("key"), /^RedisDown: No answer within 2 s$/);
  await within(states.down.promise, "it to be found gone");
  await within(states.up.promise, "new connections");
  assert.equal(await redis.publish("news", "told"), 1);
  assert.equal(await within(message.promise, "a message"), "told");
});

Deno.test("a Redis that is a replica by now is left for who has its place, and told of until then", async () => {
  await using before = await startRedis();
  await using after = await startRedis();
  await using way = startWay(before.address);
  const told: string[] = [];
  using redis = new Redis(
    { host: "127.0.0.1", port: way.port, tls: false, password: undefined, prefix: "test:" },
    (state, reason) => void told.push(`${state} ${reason}`.trim()),
  );
  await redis.open();
  await redis.set("key", "before");
  const [, port = ""] = after.address.split(":");
  // its connections stay, as where nobody tells it to end them
  await before.cli("REPLICAOF", "127.0.0.1", port);
  await assert.rejects(redis.set("key", "lost"), /^RedisDown: READONLY /);
  way.leadTo(after.address);
  await eventually(
    () => redis.set("key", "after").then(() => true, () => undefined),
    "who has its place",
    60_000,
  );
  assert.equal(await after.cli("GET", "test:key"), "after");
  assert.match(told[0] ?? "", /^down READONLY /);
  assert.deepEqual(told.slice(1), ["up"]);
});

Deno.test("a Redis that is left while it is connected to is not connected to", async () => {
  await using server = await startRedis({ tls: true });
  const { ca } = await testCertificates();
  const held = Promise.withResolvers<void>();
  await using way = startWay(server.address, held.promise);
  const told: string[] = [];
  const redis = new Redis({
    ...{ host: "127.0.0.1", port: way.port, tls: true, ca: await Deno.readTextFile(ca) },
    ...{ password: undefined, prefix: "test:" },
  }, (state) => void told.push(state));
  const opening = redis.open();
  await way.begun;
  redis[Symbol.dispose]();
  // the handshake goes on only now
  held.resolve();
  await within(way.gone, "the connection to end");
  await opening;
  // on a slow machine it may have been told to be down by then
  assert.ok(!told.includes("up"));
});

interface Way extends AsyncDisposable {
  readonly port: number;
  /** Settles when the first connection has come, and when it has gone. */
  readonly begun: Promise<void>;
  readonly gone: Promise<void>;
  /** Has nothing more come through on the connections of now, which stay open. */
  lose(): void;
  /** Has who comes from now on be led to another server. */
  leadTo(address: string): void;
}

/**
 * A way to a server that may lose connections, as a firewall does or a machine that is gone.
 *
 * @param held what the first waits for before it is led on
 */
function startWay(address: string, held = Promise.resolve()): Way {
  let [hostname = "", port] = address.split(":");
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const lost = new Set<Deno.Conn>();
  const carry = async (from: Deno.Conn, to: Deno.Conn, client: Deno.Conn) => {
    const bytes = new Uint8Array(65_536);
    try {
      for (let size: number | null; (size = await from.read(bytes)) !== null;) {
        if (!lost.has(client)) await to.write(bytes.subarray(0, size));
      }
    } catch {
      // closed at the other end, or by the test
    }
    for (const one of [from, to]) if (open.delete(one)) one.close();
  };
  const carried: Promise<void>[] = [];
  const [begun, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const accepting = (async () => {
    for await (const client of listener) {
      begun.resolve();
      await held;
      const server = await Deno.connect({ hostname, port: Number(port) });
      open.add(client).add(server);
      const both = [carry(client, server, client), carry(server, client, client)];
      carried.push(...both);
      Promise.all(both).then(() => gone.resolve());
    }
  })();
  return {
    port: listener.addr.port,
    ...{ begun: begun.promise, gone: gone.promise },
    lose: () => open.forEach((one) => void lost.add(one)),
    leadTo(address) {
      [hostname = "", port] = address.split(":");
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const one of open) one.close();
      open.clear();
      await Promise.all(carried);
    },
  };
}
