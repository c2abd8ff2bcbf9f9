import assert from "node:assert/strict";
import { ERROR_CODES, type ErrorCode } from "../core/errors.ts";
import fc from "fast-check";
import { Ejection, mayEject, speaksOfServer } from "./ejection.ts";

const RULES = { failures: 3, time: 10_000, maxTime: 35_000 };
const failed = { refused: false };

Deno.test("Ejection asks for it after so many failures in a row, or one refused connection", () => {
  const ejection = new Ejection(RULES);
  assert.deepEqual([1, 2, 3].map(() => ejection.fail(failed)), [false, false, true]);
  ejection.succeed();
  assert.deepEqual([1, 2].map(() => ejection.fail(failed)), [false, false]);
  ejection.succeed();
  assert.equal(ejection.fail(failed), false);
  assert.equal(ejection.fail({ refused: true }), true);
});

Deno.test("Ejection never asks for it when it is switched off", () => {
  const ejection = new Ejection({ ...RULES, failures: 0 });
  for (let i = 0; i < 100; i++) assert.equal(ejection.fail({ refused: i % 2 === 0 }), false);
});

Deno.test("Ejection lasts longer each time, up to the most", () => {
  const ejection = new Ejection(RULES);
  let now = 1_000_000;
  const durations = [1, 2, 3, 4, 5].map(() => {
    const duration = ejection.eject(now);
    now += duration + 1;
    return duration;
  });
  assert.deepEqual(durations, [10_000, 20_000, 30_000, 35_000, 35_000]);
});

Deno.test("Ejection forgives a server that stays good", () => {
  const ejection = new Ejection(RULES);
  let now = 1_000_000;
  now += ejection.eject(now);
  now += ejection.eject(now);
  // as long as the last time: one is forgiven, and the next is as long as the last
  assert.equal(ejection.eject(now + 20_000), 20_000);
  assert.equal(ejection.eject(now + 10_000_000), 10_000);
});

Deno.test("Ejection counts one that ends early as once", () => {
  const ejection = new Ejection(RULES);
  assert.equal(ejection.eject(0), 10_000);
  assert.equal(ejection.eject(3_000), 20_000);
  assert.equal(ejection.eject(4_000), 30_000);
});

Deno.test("Ejection holds a server that has returned on probation", () => {
  const ejection = new Ejection(RULES);
  ejection.eject(0);
  assert.equal(ejection.fail(failed), true);
  ejection.succeed();
  assert.equal(ejection.fail(failed), false);
});

const SHARES: readonly [total: number, out: number, minHealthy: number, may: boolean][] = [
  [1, 0, 0.5, false],
  [1, 0, 0, true],
  [2, 0, 0.5, true],
  [2, 1, 0.5, false],
  [3, 0, 0.5, true],
  [3, 1, 0.5, false],
  [4, 1, 0.5, true],
  [4, 2, 0.5, false],
  [10, 0, 1, false],
  [10, 9, 0, true],
];

Deno.test("mayEject() keeps the share", () => {
  for (const [total, out, minHealthy, may] of SHARES) {
    assert.equal(mayEject({ total, out, minHealthy }), may, `${out} of ${total}, ${minHealthy}`);
  }
});

Deno.test("mayEject() never lets more out than the share allows", () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(fc.property(fc.integer({ min: 1, max: 200 }), share, (total, minHealthy) => {
    let out = 0;
    while (out < total && mayEject({ total, out, minHealthy })) out++;
    assert.ok((total - out) / total >= minHealthy || out === 0);
  }));
});

Deno.test("speaksOfServer() tells a server's failures from those of one answer", () => {
  const codes = Object.keys(ERROR_CODES) as ErrorCode[];
  const counted = (begun: boolean) => codes.filter((code) => speaksOfServer(code, begun));
  const always = ["connect_failed", "connect_timeout", "response_timeout", "bad_response"];
  assert.deepEqual(counted(true).sort(), [...always].sort());
  // an end before any answer
  assert.deepEqual(
    counted(false).sort(),
    [...always, "truncated_response", "upstream_gone"].sort(),
  );
});
