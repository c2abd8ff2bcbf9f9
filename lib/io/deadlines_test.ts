import assert from "node:assert/strict";
import { within } from "../../tests/support/deadline.ts";
import { Deadline, Deadlines } from "./deadlines.ts";

/** A deadline whose clock the test is, and what it called. */
function armed(ms: number) {
  const calls: string[] = [];
  const clock = { now: 5000 };
  const deadline = new Deadline(clock, () => {});
  deadline.arm(ms, () => calls.push("first"));
  const lookAfter = (later: number) => {
    clock.now = 5000 + later;
    deadline.expireIfDue();
  };
  return { calls, deadline, lookAfter };
}

Deno.test("Deadline calls back once, when its time has come", () => {
  const { calls, lookAfter } = armed(1000);
  lookAfter(900);
  assert.equal(calls.join(), "");
  lookAfter(1000);
  assert.equal(calls.join(), "", "the tick it was armed in may have been nearly over");
  lookAfter(1100);
  lookAfter(5000);
  assert.equal(calls.join(), "first");
});

Deno.test("Deadline.arm() replaces what was armed", () => {
  const { calls, deadline, lookAfter } = armed(1000);
  deadline.arm(2000, () => calls.push("second"));
  lookAfter(1500);
  assert.equal(calls.join(), "");
  lookAfter(2100);
  assert.equal(calls.join(), "second");
});

Deno.test("Deadline.disarm() makes it call nothing until it is armed again", () => {
  const { calls, deadline, lookAfter } = armed(1000);
  deadline.disarm();
  lookAfter(10_000);
  assert.equal(calls.join(), "");
  deadline.arm(1000, () => calls.push("second"));
  lookAfter(11_100);
  assert.equal(calls.join(), "second");
});

Deno.test("Deadline can be armed again by what it calls", () => {
  const { calls, deadline, lookAfter } = armed(1000);
  deadline.arm(1000, () => deadline.arm(1000, () => calls.push("second")));
  lookAfter(1500);
  assert.equal(calls.join(), "");
  lookAfter(2600);
  assert.equal(calls.join(), "second");
});

Deno.test("Deadline calls nothing once it is disposed", () => {
  let forgotten = 0;
  let called = 0;
  const clock = { now: 0 };
  const deadline = new Deadline(clock, () => forgotten++);
  deadline.arm(0, () => called++);
  deadline[Symbol.dispose]();
  clock.now = Number.MAX_VALUE;
  deadline.expireIfDue();
  assert.equal(called, 0);
  assert.equal(forgotten, 1);
});

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };

Deno.test("Deadlines looks at the clock by itself", SANITIZED, async () => {
  using deadline = new Deadlines().watch();
  const { promise, resolve } = Promise.withResolvers<void>();
  const started = performance.now();
  deadline.arm(20, resolve);
  await within(promise, "a deadline", 5000);
  assert.ok(performance.now() - started >= 20);
});

Deno.test("Deadlines goes on when what it calls disposes and watches", SANITIZED, async () => {
  const deadlines = new Deadlines();
  using first = deadlines.watch();
  const { promise, resolve } = Promise.withResolvers<void>();
  first.arm(0, () => {
    first[Symbol.dispose]();
    const second = deadlines.watch();
    second.arm(0, () => {
      second[Symbol.dispose]();
      resolve();
    });
  });
  await within(promise, "both deadlines", 5000);
});

Deno.test("Deadlines has one timer for all, and none while nothing is watched", SANITIZED, () => {
  using timers = countIntervals();
  const deadlines = new Deadlines();
  assert.equal(timers.running, 0);
  for (let round = 0; round < 2; round++) {
    const many = Array.from({ length: 10 }, () => deadlines.watch());
    assert.equal(timers.running, 1);
    for (const deadline of many) {
      assert.equal(timers.running, 1);
      deadline[Symbol.dispose]();
      deadline[Symbol.dispose]();
    }
    assert.equal(timers.running, 0);
  }
});

function countIntervals() {
  const { setInterval, clearInterval } = globalThis;
  const running = new Set<unknown>();
  globalThis.setInterval = ((...args: Parameters<typeof setInterval>) => {
    const id = setInterval(...args);
    running.add(id);
    return id;
  }) as typeof setInterval;
  globalThis.clearInterval = (id) => {
    running.delete(id);
    clearInterval(id);
  };
  return {
    get running() {
      return running.size;
    },
    [Symbol.dispose]() {
      Object.assign(globalThis, { setInterval, clearInterval });
    },
  };
}
