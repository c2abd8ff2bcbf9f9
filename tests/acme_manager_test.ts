import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import acmeClient from "acme-client";
import { Authority } from "../lib/acme/authority.ts";
import {
  ChallengeBoard,
  NO_CHALLENGES,
  type PendingChallenges,
  tokenAnswer,
} from "../lib/acme/challenges.ts";
import { type AcmeNews, type AcmeSettings, CertificateManager } from "../lib/acme/manager.ts";
import { AcmeStore } from "../lib/acme/store.ts";
import { type Pebble, type PebbleOptions, startPebble } from "./support/pebble.ts";
import { issueCertificate } from "./support/certificates.ts";
import { eventually, within } from "./support/deadline.ts";

/** A manager with a store of its own, whose tokens are answered on the port the CA looks at. */
async function setUp(options: PebbleOptions = {}, { answers = true } = {}) {
  const stack = new AsyncDisposableStack();
  const pebble = stack.use(await startPebble(options));
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-acme-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const store = new AcmeStore(`${folder}/store`);
  await store.open();
  let pending: PendingChallenges = NO_CHALLENGES;
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: pebble.httpPort, onListen() {} },
    (request) => {
      const answer = answers ? tokenAnswer(new URL(request.url).pathname, pending) : undefined;
      return new Response(answer ?? "no such token", { status: answer === undefined ? 404 : 200 });
    },
  );
  stack.defer(() => server.shutdown());
  const news: AcmeNews[] = [];
  const board = new ChallengeBoard((next) => {
    pending = next;
    return Promise.resolve();
  });
  let ahead = 0;
  let told = Promise.withResolvers<AcmeNews>();
  const make = (on: ChallengeBoard = board) => {
    const manager = new CertificateManager({
      ...{ store, board: on },
      objection: () => Promise.resolve(undefined),
      onObtained: () => Promise.resolve(),
      tell: (one) => {
        news.push(one);
        told.resolve(one);
        told = Promise.withResolvers();
      },
      now: () => Date.now() + ahead,
    });
    // what it has begun by then still writes to the store
    stack.defer(() => manager.idle);
    return stack.use(manager);
  };
  return {
    pebble,
    store,
    folder: `${folder}/store`,
    news,
    make,
    settings: await settingsOf(pebble),
    pending: () => pending,
    /** The next thing that is told. */
    next: () => within(told.promise, () => "news of a certificate"),
    moveClock: (ms: number) => void (ahead += ms),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function settingsOf({ directory, caFile }: Pebble): Promise<AcmeSettings> {
  return {
    directory,
    email: "ops@example.com",
    keyType: "ecdsa",
    ca: await Deno.readTextFile(caFile),
    binding: undefined,
    challenges: ["http-01"],
    renewBefore: undefined,
  };
}

const DAY_MS = 86_400_000;

Deno.test("a certificate is got, kept for its owner alone, and renewed when it is due", async () => {
  await using acme = await setUp({ badNonces: 50 });
  const { store, folder, settings } = acme;
  const names = ["www.example.test", "example.test"];
  const manager = acme.make();
  let told = acme.next();
  manager.manage(settings, [names]);
  assert.equal((await told).kind, "obtained");
  await manager.idle;
  const first = await store.certificate("www.example.test");
  assert.ok(first !== undefined);
  const leaf = new X509Certificate(first.chain);
  for (const name of names) assert.equal(leaf.checkHost(name), name);
  assert.equal(
    acme.pending().tokens,
    NO_CHALLENGES.tokens === acme.pending().tokens ? NO_CHALLENGES.tokens : acme.pending().tokens,
  );
  assert.deepEqual(acme.pending(), NO_CHALLENGES);
  for (const path of ["", "/www.example.test", "/accounts"]) {
    assert.equal(await modeOf(folder + path), 0o700, path);
  }
  assert.equal(await modeOf(`${folder}/www.example.test/privkey.pem`), 0o600);

  // restarted, it asks for nothing
  const again = acme.make();
  again.manage(settings, [names]);
  await again.idle;
  assert.equal(acme.news.length, 1);

  // near the end of the five years that this CA gives
  acme.moveClock(leaf.validToDate.getTime() - Date.now() - 60 * DAY_MS);
  told = acme.next();
  again.manage(settings, []);
  again.manage(settings, [names]);
  assert.equal((await told).kind, "obtained");
  await again.idle;
  const second = await store.certificate("www.example.test");
  assert.notEqual(second?.chain, first.chain);
  assert.notEqual(second?.key, first.key);
});

Deno.test("an order that fails is told in the CA's words, kept, and not repeated at once", async () => {
  await using acme = await setUp({}, { answers: false });
  const began = Date.now();
  const told = acme.next();
  const manager = acme.make();
  manager.manage(acme.settings, [["wrong.example.test"]]);
  const failed = await told;
  assert.equal(failed.kind, "failed");
  assert.match(failed.kind === "failed" ? failed.reason : "", /wrong\.example\.test: .*404/);
  await manager.idle;
  // a restart does not ask again either
  const again = acme.make();
  again.manage(acme.settings, [["wrong.example.test"]]);
  await again.idle;
  assert.equal(acme.news.length, 1);
  const [status] = again.statuses;
  assert.equal(status?.failures, 1);
  assert.ok((status?.due ?? 0) >= began + 60_000);
});

Deno.test("what is configured otherwise does not wait for what has failed before", async () => {
  await using acme = await setUp({}, { answers: false });
  const [name, other] = ["www.example.test", "typo.example.test"];
  let told = acme.next();
  const manager = acme.make();
  manager.manage(acme.settings, [[name, other]]);
  await told;
  await manager.idle;
  told = acme.next();
  manager.manage(acme.settings, [[name]]);
  assert.equal((await told).kind, "failed");
  await manager.idle;
  assert.equal(manager.statuses[0]?.failures, 1);
  // a replica that has not reloaded yet tries what it asks for once, and then each has both wait
  const replica = acme.make();
  replica.manage(acme.settings, [[name, other]]);
  for (const one of [replica, manager, replica, manager]) {
    one.look();
    await one.idle;
    assert.equal(acme.news.length, 3);
  }
});

Deno.test("an order that was cut short is taken up, by the same account and with the same key", async () => {
  await using acme = await setUp();
  // whoever runs it ends while it waits for the CA to look
  const reached = Promise.withResolvers<void>();
  const testOver = Promise.withResolvers<void>();
  using _over = { [Symbol.dispose]: () => testOver.reject(new Error("The test is over")) };
  const dies = new ChallengeBoard(() => {
    reached.resolve();
    return testOver.promise;
  });
  acme.make(dies).manage(acme.settings, [["cut.example.test"]]);
  await within(reached.promise, "a challenge");
  const order = await acme.store.order("cut.example.test");
  const account = await acme.store.account(acme.settings.directory);
  const told = acme.next();
  const manager = acme.make();
  manager.manage(acme.settings, [["cut.example.test"]]);
  assert.equal((await told).kind, "obtained");
  await manager.idle;
  const orders = await acme.pebble.log.count(/Added order/, 1);
  assert.equal(orders.length, 1, acme.pebble.log.text);
  assert.deepEqual(await acme.store.account(acme.settings.directory), account);
  assert.equal((await acme.store.certificate("cut.example.test"))?.key, order?.key);
  assert.equal(await acme.store.order("cut.example.test"), undefined);
});

Deno.test("a certificate that could not be stored is fetched again rather than ordered", async () => {
  await using acme = await setUp();
  const { settings, store } = acme;
  const names = ["full.example.test"];
  const { saveCertificate } = store;
  store.saveCertificate = () => Promise.reject(new Error("No space left on device"));
  let told = acme.next();
  const manager = acme.make();
  manager.manage(settings, [names]);
  const failed = await told;
  assert.equal(failed.kind === "failed" ? failed.reason : "", "No space left on device");
  await manager.idle;
  // the CA has refused nothing
  assert.ok((manager.statuses[0]?.due ?? Infinity) < Date.now() + 10_000);
  store.saveCertificate = saveCertificate;
  const order = await store.order("full.example.test");
  acme.moveClock(DAY_MS);
  told = acme.next();
  manager.look();
  assert.equal((await told).kind, "obtained");
  const orders = await acme.pebble.log.count(/Added order/, 1);
  assert.equal(orders.length, 1, acme.pebble.log.text);
  assert.equal((await store.certificate("full.example.test"))?.key, order?.key);
});

Deno.test("a certificate that is no longer whole in the store is ordered anew", async () => {
  await using acme = await setUp();
  const { settings, store, folder } = acme;
  const name = "damaged.example.test";
  let told = acme.next();
  acme.make().manage(settings, [[name]]);
  await told;
  const of = await store.certificate(name);
  assert.ok(of !== undefined);
  const damage = [
    ["privkey.pem", ""],
    ["privkey.pem", (await acme.store.account(settings.directory))?.key ?? ""],
    // the leaf is whole
    ["fullchain.pem", of.chain.slice(0, -100)],
  ] as const;
  for (const [file, text] of damage) {
    await store.saveCertificate(name, of);
    await Deno.writeTextFile(`${folder}/${name}/${file}`, text);
    told = acme.next();
    const manager = acme.make();
    manager.manage(settings, [[name]]);
    assert.equal((await told).kind, "obtained");
    await manager.idle;
  }
});

Deno.test("one look stands for all that wait for it", async () => {
  await using acme = await setUp();
  const { settings, store } = acme;
  const manager = acme.make();
  const told = acme.next();
  manager.manage(settings, [["www.example.test"]]);
  await told;
  await manager.idle;
  const { certificate } = store;
  let reads = 0;
  store.certificate = (name) => {
    reads++;
    return certificate.call(store, name);
  };
  for (let i = 0; i < 100; i++) manager.look();
  await manager.idle;
  assert.equal(reads, 1);
  manager.look();
  await manager.idle;
  assert.equal(reads, 2);
});

Deno.test("an account whose making was cut short is found by its key", async () => {
  await using acme = await setUp();
  const { settings, store } = acme;
  acme.make().manage(settings, [["one.example.test"]]);
  await acme.next();
  const account = await store.account(settings.directory);
  assert.ok(account?.url !== undefined);
  await store.saveAccount(settings.directory, { ...account, url: undefined });
  const told = acme.next();
  acme.make().manage(settings, [["two.example.test"]]);
  assert.equal((await told).kind, "obtained");
  assert.deepEqual(await store.account(settings.directory), account);
});

Deno.test("an address of mail that is another now is told with the next order", async () => {
  await using at = await setUp();
  const { settings, store } = at;
  const { directory } = settings;
  const manager = at.make();
  const contacts: unknown[] = [];
  for (const [i, email] of ["ops@example.com", "new@example.com", undefined].entries()) {
    const told = at.next();
    manager.manage({ ...settings, email }, [[`n${i}.example.test`]]);
    assert.equal((await told).kind, "obtained");
    const account = await store.account(directory);
    assert.equal(account?.email, email);
    const { key = "", url = "" } = account ?? {};
    // by the library's own agent, which knows the CA by now
    const client = new acmeClient.Client({
      directoryUrl: directory,
      accountKey: key,
      accountUrl: url,
    });
    contacts.push((await client.updateAccount()).contact);
  }
  assert.deepEqual(contacts.map((contact) => contact ?? []), [
    ["mailto:ops@example.com"],
    ["mailto:new@example.com"],
    [],
  ]);
});

Deno.test("an account that the CA has forgotten is made anew, by its key", async () => {
  await using acme = await setUp();
  const { settings, store, pebble } = acme;
  const manager = acme.make();
  let told = acme.next();
  manager.manage(settings, [["one.example.test"]]);
  await told;
  const other = acme.make();
  told = acme.next();
  other.manage(settings, [["other.example.test"]]);
  await told;
  const account = await store.account(settings.directory);
  // it forgets all when it ends
  await pebble.stop();
  await pebble.start();
  told = acme.next();
  manager.manage(settings, [["two.example.test"]]);
  const failed = await told;
  assert.match(failed.kind === "failed" ? failed.reason : "", /^Account .* not found/);
  await manager.idle;
  acme.moveClock(120_000);
  told = acme.next();
  // one that is started meanwhile does not find that out once more
  acme.make().manage(settings, [["two.example.test"]]);
  assert.equal((await told).kind, "obtained");
  const made = await store.account(settings.directory);
  assert.equal(made?.key, account?.key);
  assert.notEqual(made?.url, undefined);
  // nor does another that has been there all the time
  told = acme.next();
  other.manage(settings, [["three.example.test"]]);
  assert.equal((await told).kind, "obtained");
  assert.deepEqual(await store.account(settings.directory), made);
});

Deno.test("an order that the CA has forgotten is placed anew", async () => {
  await using acme = await setUp();
  const { settings: { directory }, store } = acme;
  const key = "of no use";
  const url = `${new URL(directory).origin}/my-order/none`;
  await store.saveOrder("new.example.test", { directory, url, names: ["new.example.test"], key });
  const told = acme.next();
  acme.make().manage(acme.settings, [["new.example.test"]]);
  assert.equal((await told).kind, "obtained");
});

Deno.test("a pause by a clock that was days ahead is none", async () => {
  await using acme = await setUp();
  const state = { failures: 3, reason: "certificate expired", notBefore: Date.now() + 2 * DAY_MS };
  await acme.store.saveState("early.example.test", state);
  const told = acme.next();
  acme.make().manage(acme.settings, [["early.example.test"]]);
  assert.equal((await told).kind, "obtained");
});

Deno.test("a certificate that is due as soon as it is there is not ordered again at once", async () => {
  await using acme = await setUp();
  const name = "early.example.test";
  acme.moveClock(10 * 365 * DAY_MS);
  const manager = acme.make();
  const told = acme.next();
  manager.manage(acme.settings, [[name]]);
  for (const failures of [1, 2]) {
    await (failures === 1 ? told : manager.look());
    await manager.idle;
    const issued = await acme.pebble.log.count(/Issued certificate serial/, failures);
    assert.equal(issued.length, failures);
    assert.deepEqual(
      acme.news.slice(-2).map((one) => one.kind === "failed" ? one.reason : one.kind),
      [
        "obtained",
        "what the CA has given is served and is due again at once: is the clock of this machine right?",
      ],
    );
    assert.equal(manager.statuses[0]?.failures, failures);
    assert.equal((await acme.store.state(name)).failures, failures);
    acme.moveClock(120_000);
  }
});

Deno.test("what is no certificate for the names that were asked for is not kept", async () => {
  await using acme = await setUp();
  let told = acme.next();
  acme.make().manage(acme.settings, [["ours.example.test"]]);
  await told;
  const ours = await acme.store.certificate("ours.example.test");
  assert.ok(ours !== undefined);
  const { order } = Authority.prototype;
  try {
    for (const chain of [ours.chain, "none"]) {
      Authority.prototype.order = () => Promise.resolve({ ...ours, chain });
      const began = Date.now();
      told = acme.next();
      const manager = acme.make();
      const name = `other${chain.length}.example.test`;
      manager.manage(acme.settings, [[name]]);
      const failed = await told;
      assert.match(failed.kind === "failed" ? failed.reason : "", /no certificate for these names/);
      await manager.idle;
      assert.equal(await acme.store.certificate(name), undefined);
      assert.ok((manager.statuses[0]?.due ?? 0) >= began + 60_000);
    }
  } finally {
    Authority.prototype.order = order;
  }
});

Deno.test("a CA that is down costs nothing but time", async () => {
  await using acme = await setUp();
  await acme.pebble.stop();
  const told = acme.next();
  const manager = acme.make();
  manager.manage(acme.settings, [["late.example.test"]]);
  const failed = await told;
  assert.match(failed.kind === "failed" ? failed.reason : "", /^the CA cannot be reached: /);
  await manager.idle;
  await acme.pebble.start();
  acme.moveClock(DAY_MS);
  manager.manage(acme.settings, []);
  manager.manage(acme.settings, [["late.example.test"]]);
  // it may have asked by itself once more while the CA was starting
  const isObtained = () => acme.news.some(({ kind }) => kind === "obtained") || undefined;
  await eventually(isObtained, () => JSON.stringify(acme.news));
});

Deno.test("a store that fails once, such as for want of descriptors, costs nothing but time", async () => {
  await using at = await setUp();
  const account = at.store.account.bind(at.store);
  let asked = 0;
  at.store.account = (directory) =>
    ++asked === 2 ? Promise.reject(new Error("Too many open files")) : account(directory);
  const manager = at.make();
  manager.manage(at.settings, [["www.example.test"]]);
  const news = [await at.next()];
  while (news.at(-1)?.kind === "failed" && news.length < 4) {
    await manager.idle;
    at.moveClock(DAY_MS);
    const next = at.next();
    manager.look();
    news.push(await next);
  }
  assert.deepEqual(news.map(({ kind }) => kind), ["failed", "obtained"], JSON.stringify(news));
});

Deno.test("an account whose key is damaged is none", async () => {
  await using at = await setUp();
  await at.store.saveAccount(at.settings.directory, { key: "what is this?", url: undefined });
  const manager = at.make();
  manager.manage(at.settings, [["www.example.test"]]);
  assert.equal((await at.next()).kind, "obtained", JSON.stringify(at.news));
});

Deno.test("certificates at hand wait for no CA that does not answer", async () => {
  using ca = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let asked = 0;
  const accepting = (async () => {
    for await (const connection of ca) {
      asked++;
      connection.close();
    }
  })();
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-acme-" });
  const store = new AcmeStore(folder);
  const names = ["a.test", "b.test", "c.test"];
  const { cert, key } = await issueCertificate({ names });
  const issued = { chain: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
  for (const name of names) await store.saveCertificate(name, issued);
  const askedBefore: number[] = [];
  const manager = new CertificateManager({
    ...{ store, board: new ChallengeBoard(() => Promise.resolve()) },
    objection: () => Promise.resolve("not from here"),
    onObtained: () => Promise.resolve(void askedBefore.push(asked)),
    tell: () => {},
    now: () => Date.now(),
  });
  const settings: AcmeSettings = {
    directory: `http://127.0.0.1:${ca.addr.port}/directory`,
    ...{ email: undefined, keyType: "ecdsa", ca: undefined, binding: undefined },
    ...{ challenges: ["http-01"], renewBefore: undefined },
  };
  manager.manage(settings, names.map((name) => [name]));
  await within(manager.idle, "a look at all of them");
  // it is asked once more where it stumbles, and then left in peace for a while
  assert.deepEqual(askedBefore, [0, 2, 2]);
  assert.equal(asked, 2);
  assert.ok(
    manager.statuses.every(({ notAfter, failures }) => notAfter !== undefined && failures === 0),
  );
  manager[Symbol.dispose]();
  ca.close();
  await accepting;
  await Deno.remove(folder, { recursive: true });
});

Deno.test("fifty certificates are got one after another", async () => {
  await using acme = await setUp({ badNonces: 50 });
  const names = Array.from({ length: 50 }, (_, index) => [`n${index}.example.test`]);
  const manager = acme.make();
  const first = acme.next();
  manager.manage(acme.settings, names);
  await first;
  await manager.idle;
  assert.deepEqual(manager.statuses.map(({ failures }) => failures), names.map(() => 0));
  assert.equal(acme.news.filter(({ kind }) => kind === "obtained").length, 50);
});

Deno.test("an account is bound to one that is known otherwise", async () => {
  const binding = {
    kid: "kid-1",
    key: "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W",
  };
  await using acme = await setUp({ binding });
  const manager = acme.make();
  const told = acme.next();
  const bound = { kid: binding.kid, hmacKey: binding.key };
  manager.manage({ ...acme.settings, binding: bound }, [["eab.example.test"]]);
  assert.deepEqual((await told).kind, "obtained");
});

async function modeOf(path: string): Promise<number> {
  return ((await Deno.stat(path)).mode ?? 0) & 0o777;
}
