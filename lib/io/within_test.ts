import assert from "node:assert/strict";
import { FakeTime } from "../../tests/support/fake_time.ts";
import { within } from "./within.ts";

Deno.test("within() is the promise's outcome where that comes in time", async () => {
  const never = () => assert.fail("it was in time");
  assert.equal(await within(Promise.resolve(1), 1000, never), 1);
  assert.equal(await within(Promise.resolve(1), Infinity, never), 1);
  await assert.rejects(within(Promise.reject(new Error("x")), 1000, never), { message: "x" });
});

Deno.test("within() gives what `late` does where the time is over, and heeds no later failure", async () => {
  using time = new FakeTime();
  const { promise, reject } = Promise.withResolvers<never>();
  const outcome = within(promise, 1000, () => "late");
  const failure = within(promise, 2000, () => {
    throw new Error("late");
  });
  failure.catch(() => {});
  await time.pass(1000);
  assert.equal(await outcome, "late");
  await time.pass(1000);
  await assert.rejects(failure, { message: "late" });
  reject(new Error("nobody's"));
  await time.pass(1);
});
