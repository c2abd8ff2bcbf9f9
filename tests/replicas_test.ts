import assert from "node:assert/strict";
import { ask } from "./support/ask.ts";
import { startHttp, startNamed } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { ConfigFile } from "./support/config_file.ts";
import { type ConfiguredProxy, startConfigured } from "./support/configured_proxy.ts";
import { eventually } from "./support/deadline.ts";
import { valuesOf } from "./support/http.ts";
import { type Redis, startRedis } from "./support/redis.ts";
import { resumes, sessionFile } from "./support/resumption.ts";
import { runOk } from "./support/tools.ts";

/** What replicas share by Redis beside certificates, for which see `acme_test.ts`. */

/** Milliseconds for which ticket keys are in use. */
const TURN_MS = 12 * 60 * 60 * 1000;
const VERSIONS = ["-tls1_2", "-tls1_3"];
const PASSWORD = "correct horse";

/** Replicas with the same configuration, which start at once: one of two workers, others of one. */
async function startReplicas(
  redis: Redis,
  { count = 2, password, tls = false, settings = {} }: {
    count?: number;
    password?: string;
    tls?: boolean;
    settings?: Record<string, unknown>;
  } = {},
) {
  await using stack = new AsyncDisposableStack();
  const backend = stack.use(await startHttp());
  const { ca, ec } = await testCertificates();
  const starting = Array.from({ length: count }, async (_, index) => {
    const config = stack.use(
      await ConfigFile.create(JSON.stringify({
        listeners: [{ listen: "127.0.0.1:0", engine: "openssl" }],
        certificates: [ec],
        backends: { a: { servers: [backend.address] } },
        routes: [{ backend: "a" }],
        cluster: {
          redis: redis.address,
          ...(password === undefined ? {} : { password_file: "redis.pw" }),
          ...(tls ? { tls, ca_file: ca } : {}),
        },
        workers: index === 0 ? 2 : 1,
        ...settings,
      })),
    );
    if (password !== undefined) {
      await Deno.writeTextFile(`${config.folder}/redis.pw`, `${password}\n`);
    }
    return stack.use(await startConfigured(config));
  });
  const replicas = await Promise.all(starting);
  const owned = stack.move();
  return { replicas, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** What becomes of a session of one replica at each. */
async function resumed(from: ConfiguredProxy, at: readonly ConfiguredProxy[], version: string) {
  await using session = await sessionFile();
  assert.equal(await resumes(from.port, [version, "-sess_out", session.path]), "New");
  const told: string[] = [];
  for (const { port } of at) told.push(await resumes(port, [version, "-sess_in", session.path]));
  return told;
}

async function allResume(replicas: readonly ConfiguredProxy[]): Promise<void> {
  for (const version of VERSIONS) {
    for (const from of replicas) {
      assert.deepEqual(await resumed(from, replicas, version), replicas.map(() => "Reused"));
    }
  }
}

const WAYS = {
  "in the clear": {},
  "with a password": { password: PASSWORD },
  "by TLS with a password": { tls: true, password: PASSWORD },
};

for (const [how, way] of Object.entries(WAYS)) {
  Deno.test(`a ticket of one replica resumes with every other, ${how}`, async () => {
    await using redis = await startRedis(way);
    await using at = await startReplicas(redis, way);
    await allResume(at.replicas);
    const key = "tls-proxy:ticket-keys";
    const before = await redis.cli("HMGET", key, "in_use", "next");

    // it goes, with all that it held, and comes back: the keys that are in use are put back
    await redis.stop();
    for (const { log } of at.replicas) await log.first(/warning cluster down redis=/);
    await allResume(at.replicas);
    await redis.start();
    for (const { log } of at.replicas) await log.first(/cluster up redis=/);
    await eventually(
      async () => await redis.cli("HMGET", key, "in_use", "next") === before || undefined,
      "the keys to be there again",
    );
    await allResume(at.replicas);
    for (const { log, says } of at.replicas) {
      // one line for each time it was away: a slow machine may have missed it more often
      const away = log.matching(/ cluster down /).length;
      assert.equal(log.matching(/ cluster up /).length, away, log.text);
      for (const secret of [...before.split("\n"), PASSWORD]) {
        assert.ok(!`${log.text}${says.text}`.includes(secret));
      }
    }
  });
}

Deno.test("ticket keys turn for all replicas, and tickets are taken for one turn more", async () => {
  await using redis = await startRedis();
  await using at = await startReplicas(redis);
  const [a, b] = at.replicas as [ConfiguredProxy, ConfiguredProxy];
  const key = "tls-proxy:ticket-keys";
  await using old = await sessionFile();
  assert.equal(await resumes(a.port, ["-tls1_3", "-sess_out", old.path]), "New");
  const turn = async () => {
    const next = await redis.cli("HGET", key, "next");
    // as if they had been made so long ago
    await redis.cli("HINCRBY", key, "turned", String(-TURN_MS));
    await redis.cli("PUBLISH", `${key}:news`, "");
    await eventually(
      async () => await redis.cli("HGET", key, "in_use") === next || undefined,
      "the turn",
    );
  };
  await turn();
  await allResume(at.replicas);
  assert.equal(await resumes(b.port, ["-tls1_3", "-sess_in", old.path]), "Reused");
  await turn();
  await allResume(at.replicas);
  await eventually(
    async () => await resumes(b.port, ["-tls1_3", "-sess_in", old.path]) === "New" || undefined,
    "the first keys to be forgotten",
  );
});

Deno.test("a replica that starts without Redis has keys of its own, and the others' later", async () => {
  await using redis = await startRedis();
  await redis.stop();
  await using at = await startReplicas(redis, { settings: { workers: 1 } });
  const [a, b] = at.replicas as [ConfiguredProxy, ConfiguredProxy];
  for (const { log } of at.replicas) await log.first(/warning cluster down redis=/);
  assert.deepEqual(await resumed(a, [a, b], "-tls1_3"), ["Reused", "New"]);
  await using session = await sessionFile();
  assert.equal(await resumes(b.port, ["-tls1_3", "-sess_out", session.path]), "New");
  await redis.start();
  await eventually(
    async () =>
      (await resumed(a, [b], "-tls1_3"))[0] === "Reused" &&
        (await resumed(b, [a], "-tls1_3"))[0] === "Reused" || undefined,
    "the replicas to meet",
  );
  // what it has sealed by itself it still takes
  assert.equal(await resumes(b.port, ["-tls1_3", "-sess_in", session.path]), "Reused");
  for (const { log } of at.replicas) assert.equal(log.matching(/cluster down/).length, 1, log.text);
});

Deno.test("a Redis that hangs holds up neither the start nor clients", async () => {
  await using redis = await startRedis();
  redis.hang();
  await using at = await startReplicas(redis, { settings: { workers: 1 } });
  const [a, b] = at.replicas as [ConfiguredProxy, ConfiguredProxy];
  for (const { log } of at.replicas) await log.first(/cluster down redis=.*No answer within 2 s/);
  assert.deepEqual(await resumed(a, [a, b], "-tls1_3"), ["Reused", "New"]);
  redis.goOn();
  for (const { log } of at.replicas) await log.first(/cluster up redis=/);
  await eventually(
    async () => (await resumed(a, [b], "-tls1_3"))[0] === "Reused" || undefined,
    "the replicas to meet",
  );
});

Deno.test("a Redis that refuses is told of once, and the proxy serves", async () => {
  await using redis = await startRedis({ password: PASSWORD });
  await using at = await startReplicas(redis, { count: 1, password: "wrong" });
  const [proxy] = at.replicas as [ConfiguredProxy];
  await proxy.log.first(/warning cluster down redis=.*WRONGPASS/);
  assert.deepEqual(await resumed(proxy, [proxy], "-tls1_3"), ["Reused"]);
  await redis.cli("ACL", "SETUSER", "default", ">wrong", "-eval");
  await proxy.log.first(/cluster up/);
  await proxy.log.first(/warning cluster down redis=.*NOPERM/);
  assert.equal(proxy.log.matching(/cluster down/).length, 2, proxy.log.text);
});

Deno.test("the cookie of one replica keeps its client with every other, and with the next", async () => {
  await using redis = await startRedis();
  const names = ["a", "b"] as const;
  const settings = { backends: { a: { servers: [] as string[], sticky: {} } } };
  await using servers = new AsyncDisposableStack();
  for (const name of names) {
    settings.backends.a.servers.push(servers.use(await startNamed(name)).address);
  }
  /** What a client sends back, by the server that it was given. */
  const clients = new Map<string, string>();
  const askAs = async ({ port }: ConfiguredProxy, cookie: string) => {
    const fields = [`Cookie: ${cookie}`];
    const answer = await ask(port, { sni: undefined, fields });
    return { name: answer.body, cookies: valuesOf(answer, "Set-Cookie") };
  };
  const isKept = async (replica: ConfiguredProxy) => {
    for (const [name, cookie] of clients) {
      assert.deepEqual(await askAs(replica, cookie), { name, cookies: [] });
    }
  };
  {
    await using at = await startReplicas(redis, { settings });
    await eventually(async () => {
      for (const replica of at.replicas) {
        const { name, cookies } = await askAs(replica, "x=1");
        clients.set(name, cookies[0]?.split(";")[0] ?? "");
      }
      return clients.size === names.length || undefined;
    }, "clients of both servers");
    for (const replica of at.replicas) await isKept(replica);
  }
  await using next = await startReplicas(redis, { count: 1, settings });
  for (const replica of next.replicas) await isKept(replica);
});

const BURST = 5;
const LIMITED = {
  routes: [{ respond: { body: "in" }, rate_limit: { requests: "1/h", burst: BURST } }],
  forwarded: { trusted: ["127.0.0.1"] },
};

let clients = 0;

/** A client that nobody has seen before. */
function newClient(): string {
  clients++;
  return `10.1.${Math.floor(clients / 256)}.${clients % 256}`;
}

/** What a client gets for so many requests in a row. */
async function statusesOf(
  proxy: ConfiguredProxy,
  client: string,
  count: number,
): Promise<number[]> {
  const { ca } = await testCertificates();
  const shown = await runOk("curl", [
    ...["-s", "-o", "/dev/null", "-w", "%{http_code}\n", "--max-time", "20", "--cacert", ca],
    ...["-H", `X-Forwarded-For: ${client}`, `https://localhost:${proxy.port}/?[1-${count}]`],
  ]);
  return shown.trim().split("\n").map(Number);
}

const ALL_AND_NO_MORE = [...Array.from({ length: BURST }, () => 200), 429];

/** Waits for a client that has used up its requests at one replica to have none at the other. */
async function countTogether(from: ConfiguredProxy, at: ConfiguredProxy): Promise<void> {
  await eventually(async () => {
    const client = newClient();
    assert.deepEqual(await statusesOf(from, client, BURST + 1), ALL_AND_NO_MORE);
    return (await statusesOf(at, client, 1))[0] === 429 || undefined;
  }, "replicas to count together");
}

Deno.test("rate_limit holds a client that spreads over replicas, and without Redis at each", async () => {
  await using redis = await startRedis();
  await using at = await startReplicas(redis, { settings: LIMITED });
  const [a, b] = at.replicas as [ConfiguredProxy, ConfiguredProxy];
  await countTogether(a, b);
  await countTogether(b, a);

  // one that asks both at once gets no more than a burst of each
  const spread = newClient();
  const statuses =
    (await Promise.all([statusesOf(a, spread, BURST + 1), statusesOf(b, spread, BURST + 1)]))
      .flat();
  const letIn = statuses.filter((status) => status === 200).length;
  assert.ok(letIn >= BURST && letIn <= 2 * BURST, statuses.join());
  // no client is known to Redis
  assert.equal(await redis.cli("KEYS", "*rate*"), "tls-proxy:rate-seeds");

  await redis.stop();
  for (const { log } of at.replicas) await log.first(/warning cluster down redis=/);
  const alone = newClient();
  for (const proxy of at.replicas) {
    assert.deepEqual(await statusesOf(proxy, alone, BURST + 1), ALL_AND_NO_MORE);
  }
  await redis.start();
  for (const { log } of at.replicas) await log.first(/cluster up redis=/);
  await countTogether(a, b);
  await countTogether(b, a);
  for (const { log } of at.replicas) assert.equal(log.matching(/cluster down/).length, 1, log.text);
});
