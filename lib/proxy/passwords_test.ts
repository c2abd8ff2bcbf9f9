import assert from "node:assert/strict";
import { FakeTime } from "../../tests/support/fake_time.ts";
import { Passwords } from "./passwords.ts";

const HASHES = new Map([["ann", "hash of ann"], ["bob", "hash of bob"]]);

Deno.test("Passwords asks once for what is right, and each time for what is wrong", async () => {
  const asked: string[] = [];
  const passwords = new Passwords((password, hash) => {
    asked.push(`${password} ${hash}`);
    return Promise.resolve(password === "sesame" && hash === "hash of ann");
  });
  const verify = (user: string, password: string) =>
    passwords.verify({ user, password }, HASHES, "192.0.2.1");
  assert.equal(await verify("ann", "sesame"), "right");
  assert.equal(await verify("ann", "sesame"), "right");
  assert.equal(await verify("ann", "other"), "wrong");
  assert.equal(await verify("ann", "other"), "wrong");
  assert.equal(await verify("bob", "sesame"), "wrong");
  assert.equal(await verify("eve", "sesame"), "wrong");
  assert.deepEqual(asked, [
    "sesame hash of ann",
    "other hash of ann",
    "other hash of ann",
    "sesame hash of bob",
    // as long as for somebody who is known, though it would be right for ann
    "sesame hash of ann",
  ]);
});

Deno.test("Passwords refuses what the hash would leave out", async () => {
  const passwords = new Passwords(() => Promise.resolve(true));
  const verify = (password: string) => passwords.verify({ user: "ann", password }, HASHES, "a");
  assert.equal(await verify("ä".repeat(37)), "wrong");
  assert.equal(await verify("a".repeat(73)), "wrong");
  // which reads 72 bytes
  assert.equal(await verify("ä".repeat(36)), "right");
});

Deno.test("Passwords asks again after five minutes, and where the hash is another", async () => {
  using time = new FakeTime();
  let asked = 0;
  const passwords = new Passwords((password) => {
    asked++;
    return Promise.resolve(password === "sesame");
  });
  const verify = (hashes: ReadonlyMap<string, string>) =>
    passwords.verify({ user: "ann", password: "sesame" }, hashes, "192.0.2.1");
  const counts: number[] = [];
  for (const ms of [0, 299_999, 1, 1]) {
    await time.pass(ms);
    assert.equal(await verify(HASHES), "right");
    counts.push(asked);
  }
  assert.deepEqual(counts, [1, 1, 2, 2]);
  assert.equal(await verify(new Map([["ann", "another hash"]])), "right");
  assert.equal(asked, 3);
});

Deno.test("Passwords keeps a bounded number waiting, and few of one client", async () => {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const passwords = new Passwords(() => promise);
  const verify = (client: string, password: string) =>
    passwords.verify({ user: "ann", password }, HASHES, client);
  const flood = Array.from({ length: 100 }, (_, index) => verify("flood", String(index)));
  const others = Array.from({ length: 80 }, (_, index) => verify(`client ${index}`, `x${index}`));
  resolve(true);
  const count = async (all: Promise<string>[]) =>
    (await Promise.all(all)).filter((verdict) => verdict === "right").length;
  assert.deepEqual([await count(flood), await count(others)], [4, 60]);
  // all places are free again
  assert.equal(await verify("flood", "again"), "right");
});

Deno.test("Passwords checks once what many requests say at once", async () => {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let asked = 0;
  const passwords = new Passwords(() => {
    asked++;
    return promise;
  });
  const verify = (user: string) => () =>
    passwords.verify({ user, password: "x" }, HASHES, "192.0.2.1");
  const page = Array.from({ length: 20 }, verify("ann"));
  const stranger = Array.from({ length: 20 }, verify("eve"));
  resolve(true);
  assert.deepEqual(new Set(await Promise.all(page)), new Set(["right"]));
  // who is unknown is told by nothing
  assert.deepEqual(new Set(await Promise.all(stranger)), new Set(["wrong"]));
  assert.equal(asked, 2);
});
