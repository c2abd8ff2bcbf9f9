import assert from "node:assert/strict";
import { accountKey } from "../../tests/support/account_key.ts";
import type { IssuedCertificate } from "../acme/keeper.ts";
import { AcmeStore, NO_FAILURE } from "../acme/store.ts";
import { createAuthority, issueServerCertificate } from "../certificates/certificate_authority.ts";
import { SharedKeeper } from "./shared_keeper.ts";

const DIRECTORY = "https://ca.test/directory";
const NAME = "www.example.test";

/** A keeper with a Redis of which `link` says what it does. */
async function keeping(link: Partial<ConstructorParameters<typeof SharedKeeper>[1]>) {
  const stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-keeper-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const store = new AcmeStore(`${folder}/store`);
  await store.open();
  const nothing = () => Promise.resolve();
  const keeper = new SharedKeeper(store, {
    get: () => Promise.resolve(undefined),
    ...{ set: nothing, remove: nothing, extend: nothing, release: nothing },
    claim: () => Promise.resolve(true),
    publish: () => Promise.resolve(1),
    subscribe: () => {},
    ...link,
  }, () => {});
  return { store, keeper, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const NO_KEY = '{"key":"what is this?","chain":1}';

Deno.test("SharedKeeper takes what is damaged in Redis for what is not there", async () => {
  for (
    const text of ["", "{", "null", "1", "[]", "{}", '{"key":1,"chain":1,"failures":"1"}', NO_KEY]
  ) {
    await using kept = await keeping({ get: () => Promise.resolve(text) });
    const { store, keeper } = kept;
    const account = { key: accountKey(), url: undefined };
    const state = { failures: 2, notBefore: 3, reason: "a reason" };
    assert.deepEqual(await keeper.state(NAME), NO_FAILURE, text);
    await store.saveAccount(DIRECTORY, account);
    await store.saveState(NAME, state);
    assert.deepEqual(await keeper.account(DIRECTORY), account, text);
    assert.deepEqual(await store.account(DIRECTORY), account, text);
    assert.deepEqual(await keeper.state(NAME), state, text);
    assert.equal(await keeper.certificate(NAME), undefined, text);
    assert.equal(await keeper.order(NAME), undefined, text);
  }
});

Deno.test("SharedKeeper has all go on with what was issued last, which may end first", async () => {
  const redis = new Map<string, string>();
  const link = {
    get: (key: string) => Promise.resolve(redis.get(key)),
    set: (key: string, value: string) => Promise.resolve(void redis.set(key, value)),
  };
  await using a = await keeping(link);
  await using b = await keeping(link);
  const before = await issuedFor({ since: -10, until: 80 });
  await a.keeper.saveCertificate(NAME, before);
  assert.deepEqual(await b.keeper.certificate(NAME), before);
  const now = await issuedFor({ since: 0, until: 6 });
  await a.keeper.saveCertificate(NAME, now);
  for (const { keeper, store } of [b, a]) {
    assert.deepEqual(await keeper.certificate(NAME), now);
    assert.deepEqual(await store.certificate(NAME), now);
  }
  // Redis has lost all, and one has what the other has missed
  redis.clear();
  await b.store.saveCertificate(NAME, before);
  for (const { keeper } of [b, a, b]) await keeper.certificate(NAME);
  assert.deepEqual(await b.store.certificate(NAME), now);
});

/** A certificate that is good for so many days from today. */
async function issuedFor(
  { since, until }: { since: number; until: number },
): Promise<IssuedCertificate> {
  const dayAt = (days: number) => new Date(Date.now() + days * 86_400_000);
  const validity = { notBefore: dayAt(since), notAfter: dayAt(until) };
  const authority = await createAuthority({ commonName: "CA", ...validity });
  const request = { commonName: NAME, hosts: [NAME], ...validity };
  const { cert, key } = await issueServerCertificate(authority, request);
  return { chain: cert, key };
}
