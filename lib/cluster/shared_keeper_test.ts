import assert from "node:assert/strict";
import { AcmeStore, NO_FAILURE } from "../acme/store.ts";
import { SharedKeeper } from "./shared_keeper.ts";

const DIRECTORY = "https://ca.test/directory";
const NAME = "www.example.test";

/** A keeper whose Redis gives one text for everything that it is asked for. */
async function keeping(text: string) {
  const stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-keeper-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const store = new AcmeStore(`${folder}/store`);
  await store.open();
  const nothing = () => Promise.resolve();
  const keeper = new SharedKeeper(store, {
    get: () => Promise.resolve(text),
    ...{ set: nothing, remove: nothing, extend: nothing, release: nothing },
    claim: () => Promise.resolve(true),
    publish: () => Promise.resolve(1),
    subscribe: () => {},
  }, () => {});
  return { store, keeper, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

Deno.test("SharedKeeper takes what is damaged in Redis for what is not there", async () => {
  for (const text of ["", "{", "null", "1", "[]", "{}", '{"key":1,"chain":1,"failures":"1"}']) {
    await using kept = await keeping(text);
    const { store, keeper } = kept;
    const account = { key: "a key", url: undefined };
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
