import assert from "node:assert/strict";
import { FakeTime } from "../../tests/support/fake_time.ts";
import type { ProxyError } from "../core/errors.ts";
import { Deadline } from "../io/deadlines.ts";
import { BodyClock } from "./body_clock.ts";

/** Milliseconds by which deadlines are late at the most. */
const TICK = 100;

/** A clock on a client that may be silent for a second. */
function clockFor(rate: number) {
  const time = new FakeTime();
  const late: string[] = [];
  const deadline = new Deadline(time, () => {});
  const clock = new BodyClock({
    ...{ deadline, idle: 1000, rate },
    onLate: ({ code, message }: ProxyError) => late.push(`${code}: ${message}`),
  });
  const pass = (ms: number) => {
    time.now += ms;
    deadline.expireIfDue();
  };
  return { clock, late, pass, [Symbol.dispose]: () => time[Symbol.dispose]() };
}

Deno.test("BodyClock says who was silent for too long, and how slow is too slow", () => {
  for (
    const [rate, slow] of [
      [0, ""],
      [1, ", or less than 1 byte a second"],
      [200, ", or less than 200 bytes a second"],
    ] as const
  ) {
    using timed = clockFor(rate);
    timed.clock.start();
    timed.pass(999);
    assert.deepEqual(timed.late, []);
    timed.pass(TICK + 1);
    assert.deepEqual(timed.late, [`body_timeout: Nothing of the body came for 1 s${slow}`]);
  }
});

Deno.test("BodyClock takes off what was waited, and gives back what bytes have earned", () => {
  using timed = clockFor(1000);
  const { clock, late, pass } = timed;
  clock.start();
  pass(800);
  // 100 bytes are 100 ms
  clock.stop(100);
  // while the server has it no time goes by
  pass(10_000);
  assert.deepEqual(late, []);
  clock.start();
  pass(299);
  assert.deepEqual(late, []);
  pass(TICK + 1);
  assert.equal(late.length, 1);
});

Deno.test("BodyClock.restart() gives the client all of its time again", () => {
  using timed = clockFor(1000);
  const { clock, late, pass } = timed;
  clock.start();
  pass(900);
  clock.stop(0);
  clock.restart();
  pass(999);
  assert.deepEqual(late, []);
});

Deno.test("BodyClock.isFor() knows what it goes by", () => {
  using timed = clockFor(1000);
  const { clock } = timed;
  assert.deepEqual(
    [clock.isFor(1000, 1000), clock.isFor(1001, 1000), clock.isFor(1000, 0)],
    [true, false, false],
  );
});
