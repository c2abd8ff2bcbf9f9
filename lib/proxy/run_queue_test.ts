import assert from "node:assert/strict";
import fc from "fast-check";
import { FakeTime } from "../../tests/support/fake_time.ts";
import { type Runner, RunQueue } from "./run_queue.ts";

/** Requests of a queue, by the order in which they came. */
class Requests {
  readonly queue = new RunQueue();
  /** Who has begun to run, in order. */
  readonly begun: number[] = [];
  readonly #rounds = new Map<number, number>();
  readonly #gone = new Set<number>();
  #came = 0;

  /** So many come. */
  come(count: number): void {
    for (let i = 0; i < count; i++) this.#come(this.#came++);
  }

  /** Nobody waits for that one any more. */
  leave(number: number): void {
    this.#gone.add(number);
  }

  /** The first so many of those that run end. */
  end(count: number): void {
    for (const [number, round] of [...this.#rounds].slice(0, count)) {
      this.#rounds.delete(number);
      this.queue.leave(round);
    }
  }

  get running(): number {
    return this.#rounds.size;
  }

  #come(number: number): void {
    const begin = () => {
      this.begun.push(number);
      this.#rounds.set(number, this.queue.round);
    };
    const runner: Runner = {
      run: () => {
        const runs = !this.#gone.has(number);
        if (runs) begin();
        return runs;
      },
    };
    if (this.queue.enter(runner, performance.now())) begin();
  }
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

Deno.test("RunQueue lets the first 32 run at once, and each other one when one has ended", async () => {
  using time = new FakeTime();
  const requests = new Requests();
  requests.come(40);
  assert.deepEqual(requests.begun, upTo(32));
  assert.equal(requests.queue.size, 8);
  requests.end(3);
  await time.pass(0);
  assert.deepEqual(requests.begun, upTo(35));
  requests.end(32);
  await time.pass(0);
  assert.deepEqual(requests.begun, upTo(40));
  assert.equal(requests.queue.size, 0);
});

Deno.test("RunQueue gives no place to who does not wait any more", async () => {
  using time = new FakeTime();
  const requests = new Requests();
  requests.come(36);
  requests.leave(32);
  requests.leave(33);
  requests.end(1);
  await time.pass(0);
  assert.deepEqual(requests.begun, [...upTo(32), 34]);
  requests.end(1);
  await time.pass(0);
  assert.deepEqual(requests.begun, [...upTo(32), 34, 35]);
});

Deno.test("RunQueue lets nobody wait long for those that wait for their servers", async () => {
  using time = new FakeTime();
  const requests = new Requests();
  requests.come(2_000);
  await time.pass(10);
  assert.ok(requests.begun.length > 64, `${requests.begun.length}`);
  await time.pass(50);
  assert.deepEqual(requests.begun, upTo(2_000));
});

Deno.test("RunQueue does not count those that have run for long", async () => {
  using time = new FakeTime();
  const requests = new Requests();
  requests.come(32);
  for (let past = 0; past < 5; past++) {
    await time.pass(1_000);
    requests.come(32);
    assert.equal(requests.queue.size, 0);
  }
});

Deno.test("RunQueue lets few run again behind a time in which servers were slow", async () => {
  using time = new FakeTime();
  const requests = new Requests();
  requests.come(1_000);
  await time.pass(100);
  assert.equal(requests.running, 1_000);
  requests.end(1_000);
  // each ends as the next one comes
  requests.come(20);
  for (let i = 0; i < 2_000; i++) {
    requests.come(1);
    requests.end(1);
    await time.pass(0.1);
  }
  requests.end(20);
  await time.pass(0);
  const before = requests.running;
  requests.come(100);
  assert.equal(before, 0);
  assert.equal(requests.running, 32);
});

Deno.test("RunQueue runs everybody once, in order, whatever ends when", async () => {
  const act = fc.oneof(
    fc.record({ come: fc.nat(80) }),
    fc.record({ end: fc.nat(50) }),
    fc.record({ pass: fc.nat(9) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
      using time = new FakeTime();
      const requests = new Requests();
      let came = 0;
      for (const act of acts) {
        if ("come" in act) requests.come(act.come), came += act.come;
        else if ("end" in act) requests.end(act.end);
        else await time.pass(act.pass);
        // what has ended makes room behind that
        await time.pass(0);
        assert.ok(requests.queue.size === 0 || requests.running >= 32);
        assert.equal(requests.begun.length + requests.queue.size, came);
      }
      await time.pass(1_000);
      assert.deepEqual(requests.begun, upTo(came));
    }),
    { numRuns: 200 },
  );
});
