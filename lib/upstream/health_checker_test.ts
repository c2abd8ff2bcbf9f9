import assert from "node:assert/strict";
import { FakeTime } from "../../tests/support/fake_time.ts";
import { HealthChecker } from "./health_checker.ts";
import type { ProbeResult } from "./probe_result.ts";

const PASSED: ProbeResult = { outcome: "passed", reason: "" };

/** A checker on a clock of its own, and when it checked. */
function scene(time: FakeTime, { random = 0.5, changing = false, takes = 0 } = {}) {
  const checks: number[] = [];
  const state = { changing };
  const checker = new HealthChecker({
    probe: () => {
      checks.push(time.now);
      return takes === 0
        ? Promise.resolve(PASSED)
        : new Promise((resolve) => setTimeout(() => resolve(PASSED), takes));
    },
    onResult: () => state.changing,
    interval: 5_000,
    fastInterval: 1_000,
    random: () => random,
  });
  return { checker, checks, state };
}

Deno.test("HealthChecker checks soon, and then at its interval", async () => {
  using time = new FakeTime();
  const { checker, checks } = scene(time);
  checker.start();
  await time.pass(16_000);
  assert.deepEqual(checks, [500, 5_500, 10_500, 15_500]);
  checker.stop();
});

Deno.test("HealthChecker checks faster while its server is changing state", async () => {
  using time = new FakeTime();
  const { checker, checks, state } = scene(time, { changing: true });
  checker.start();
  await time.pass(3_000);
  state.changing = false;
  await time.pass(6_000);
  assert.deepEqual(checks, [500, 1_500, 2_500, 3_500, 8_500]);
  checker.stop();
});

Deno.test("HealthChecker is off its interval by a tenth at the most", async () => {
  for (const [random, expected] of [[0, [0, 4_500, 9_000]], [1, [1_000, 6_500, 12_000]]] as const) {
    using time = new FakeTime();
    const { checker, checks } = scene(time, { random });
    checker.start();
    await time.pass(12_100);
    assert.deepEqual(checks, expected);
    checker.stop();
  }
});

Deno.test("HealthChecker begins no check before the one before is over", async () => {
  using time = new FakeTime();
  const { checker, checks } = scene(time, { takes: 20_000 });
  checker.start();
  await time.pass(10_000);
  checker.hurry();
  await time.pass(20_000);
  assert.deepEqual(checks, [500, 25_500]);
  checker.stop();
});

Deno.test("HealthChecker waits for as long as a timer can", () => {
  const asked: number[] = [];
  const { setTimeout: original } = globalThis;
  Object.assign(globalThis, { setTimeout: (_: () => void, ms: number) => asked.push(ms) });
  try {
    const checker = new HealthChecker({
      probe: () => Promise.resolve(PASSED),
      onResult: () => false,
      interval: 2 ** 31 - 1,
      fastInterval: 2 ** 31 - 1,
      random: () => 2,
    });
    checker.start();
    checker.stop();
  } finally {
    Object.assign(globalThis, { setTimeout: original });
  }
  assert.deepEqual(asked, [2 ** 31 - 1]);
});

Deno.test("HealthChecker looks sooner when there is reason to", async () => {
  using time = new FakeTime();
  const { checker, checks } = scene(time);
  checker.start();
  await time.pass(1_000);
  checker.hurry();
  await time.pass(500);
  // that one is nearer already
  checker.hurry();
  await time.pass(1_000);
  assert.deepEqual(checks, [500, 2_000]);
  checker.stop();
});

Deno.test("HealthChecker checks no more once it is stopped", async () => {
  using time = new FakeTime();
  const { checker, checks } = scene(time, { takes: 100 });
  checker.start();
  await time.pass(550);
  checker.stop();
  await time.pass(60_000);
  assert.deepEqual(checks, [500]);
});
