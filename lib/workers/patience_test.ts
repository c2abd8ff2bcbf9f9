import assert from "node:assert/strict";
import { FakeTime } from "../../tests/support/fake_time.ts";
import { Patience } from "./patience.ts";

Deno.test("Patience waits for as long as there is progress", async () => {
  using time = new FakeTime();
  const patience = new Patience(30_000);
  const { promise, resolve } = Promise.withResolvers<string>();
  const waiting = patience.wait(promise, "worker 1 did not start");
  for (let i = 0; i < 10; i++) {
    await time.pass(29_000);
    patience.progress();
  }
  resolve("up");
  assert.equal(await waiting, "up");
});

Deno.test("Patience ends where nothing happens any more", async () => {
  using time = new FakeTime();
  const patience = new Patience(30_000);
  const waiting = patience.wait(new Promise<never>(() => {}), "worker 1 did not start");
  const failed = waiting.catch((error) => error.message);
  await time.pass(20_000);
  patience.progress();
  await time.pass(29_999);
  const still = Symbol();
  assert.equal(await Promise.race([failed, Promise.resolve(still)]), still);
  await time.pass(1);
  assert.equal(await failed, "worker 1 did not start: nothing for 30 s");
});
