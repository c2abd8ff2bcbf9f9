import assert from "node:assert/strict";
import fc from "fast-check";
import { NO_PRIORITY, parsePriority } from "./priority.ts";
import { type Queued, SendQueue } from "./send_queue.ts";

function stream(id: number, urgency = 3, incremental = true, bytesSent = 0): Queued {
  return { id, urgency, incremental, bytesSent, queued: false };
}

function takeAll(queue: SendQueue<Queued>): number[] {
  const ids: number[] = [];
  for (let one = queue.take(); one !== undefined; one = queue.take()) ids.push(one.id);
  return ids;
}

Deno.test("SendQueue gives the most urgent first, then those that do not share, by number", () => {
  const queue = new SendQueue<Queued>();
  for (
    const one of [
      stream(1),
      stream(9, 3, false),
      stream(3),
      stream(7, 3, false),
      stream(5, 0),
      stream(11, 7),
    ]
  ) queue.add(one);
  assert.deepEqual(takeAll(queue), [5, 7, 9, 1, 3, 11]);
});

Deno.test("SendQueue lets those that have sent little go ahead of equally urgent ones", () => {
  const queue = new SendQueue<Queued>();
  const large = 64 * 1024;
  for (
    const one of [
      stream(1, 3, true, large),
      stream(3, 3, false, large),
      stream(5, 2, true, large),
      stream(7, 3, true, large),
      stream(9, 3, true, large - 1),
      stream(13, 3, false),
      stream(11, 3, false),
    ]
  ) queue.add(one);
  assert.deepEqual(takeAll(queue), [5, 11, 13, 9, 3, 1, 7]);
});

Deno.test("SendQueue lets streams that share take turns, and no other", () => {
  const run = (incremental: boolean) => {
    const queue = new SendQueue<Queued>();
    for (const id of [1, 3, 5]) queue.add(stream(id, 3, incremental));
    return Array.from({ length: 6 }, () => {
      const one = queue.take() as Queued;
      queue.add(one);
      return one.id;
    });
  };
  assert.deepEqual(run(true), [1, 3, 5, 1, 3, 5]);
  assert.deepEqual(run(false), [1, 1, 1, 1, 1, 1]);
});

Deno.test("SendQueue holds each stream once, and none that was removed", () => {
  const step = fc.tuple(fc.constantFrom("add", "remove", "take"), fc.nat(9));
  fc.assert(fc.property(fc.array(step), (steps) => {
    const all = Array.from({ length: 10 }, (_, i) => stream(i, i % 3, i % 2 === 0));
    const queue = new SendQueue<Queued>();
    const expected = new Set<number>();
    for (const [what, i] of steps) {
      const one = all[i] as Queued;
      if (what === "add") {
        queue.add(one);
        expected.add(i);
      } else if (what === "remove") {
        queue.remove(one);
        expected.delete(i);
      } else {
        const taken = queue.take();
        if (taken !== undefined) expected.delete(taken.id);
      }
      assert.equal(queue.isEmpty, expected.size === 0);
    }
    assert.deepEqual(new Set(takeAll(queue)), expected);
  }));
});

Deno.test("parsePriority() reads what RFC 9218 says, and takes the rest as not there", () => {
  const cases: readonly [value: string, urgency: number, incremental: boolean][] = [
    ["u=0", 0, false],
    ["u=7, i", 7, true],
    ["i,u=1", 1, true],
    ["i=?0, u=2", 2, false],
    ["i=?1;x=1", 3, true],
    ["u=8", 3, false],
    ["u=-1", 3, false],
    ["u=1.5", 3, false],
    ["u", 3, false],
    ["", 3, false],
    ["x=3, u=5;p", 5, false],
    ["U=1", 3, false],
    ["u=1, u=2", 2, false],
    ["\tu=1 ; p, i ", 1, true],
    ["u =1, u= 1, i =?0", 3, false],
    ["u=, i=", 3, false],
    // it takes as long as it is
    [`u=1, u=${" ".repeat(2 ** 20)}x`, 1, false],
  ];
  for (const [value, urgency, incremental] of cases) {
    assert.deepEqual(parsePriority(value), { urgency, incremental }, value);
  }
  assert.equal(NO_PRIORITY.incremental, true);
});
