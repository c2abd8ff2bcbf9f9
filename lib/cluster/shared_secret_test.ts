import assert from "node:assert/strict";
import { FakeTime } from "../../tests/support/fake_time.ts";
import { RedisDown } from "./redis.ts";
import { type SecretSets, type SecretTurn } from "./secret_sets.ts";
import { type SecretLink, SharedSecret } from "./shared_secret.ts";

const HOUR_MS = 3_600_000;
const OPTIONS = { name: "test", bytes: 8, period: 12 * HOUR_MS };

/** A Redis that says what a test has it say, and nothing while that is undefined. */
class FakeLink implements SecretLink {
  shared: { readonly turn: SecretTurn; readonly left: number } | undefined;
  #arrived = () => {};

  onArrival(listener: () => void): void {
    this.#arrived = listener;
  }

  subscribe(): void {}

  arrive(): void {
    this.#arrived();
  }

  run(): Promise<unknown> {
    if (this.shared === undefined) return Promise.reject(new RedisDown("It is away"));
    const { turn: { inUse, before, next }, left } = this.shared;
    return Promise.resolve([inUse.toBase64(), before?.toBase64() ?? "", next.toBase64(), left]);
  }
}

/** What a secret is by its sets. */
function turnOf([inUse, next, before]: SecretSets): SecretTurn {
  assert.ok(next !== undefined);
  return { inUse, before, next };
}

Deno.test("SharedSecret turns without Redis as the others do, once, and by itself then", async () => {
  using time = new FakeTime();
  const links = [new FakeLink(), new FakeLink()];
  const told: SecretSets[] = [];
  const [a, b] = links.map((link) => new SharedSecret(link, OPTIONS, (sets) => told.push(sets)));
  assert.ok(a !== undefined && b !== undefined);
  // they have met, and Redis has gone since
  const met = { turn: turnOf(a.sets), left: 5 * HOUR_MS };
  for (const link of links) {
    link.shared = met;
    link.arrive();
  }
  await time.pass(0);
  for (const link of links) link.shared = undefined;
  assert.deepEqual(b.sets.slice(0, 2), a.sets);
  const [, next] = a.sets;
  await time.pass(5 * HOUR_MS - 1);
  assert.notDeepEqual(a.sets[0], next);
  await time.pass(1);
  for (const secret of [a, b]) {
    assert.deepEqual(secret.sets[0], next);
    assert.deepEqual(secret.sets[2], met.turn.inUse);
  }
  await time.pass(12 * HOUR_MS);
  assert.notDeepEqual(a.sets[0], b.sets[0]);
  assert.deepEqual([a.sets.length, b.sets.length], [3, 3]);
  assert.deepEqual(told.at(-1), b.sets);
  for (const secret of [a, b]) secret[Symbol.dispose]();
});

Deno.test("SharedSecret takes what it had used by itself until that is old", async () => {
  using time = new FakeTime();
  const link = new FakeLink();
  using secret = new SharedSecret(link, OPTIONS, () => {});
  using other = new SharedSecret(new FakeLink(), OPTIONS, () => {});
  const [own] = secret.sets;
  link.shared = { turn: turnOf(other.sets), left: 11 * HOUR_MS };
  link.arrive();
  await time.pass(0);
  assert.deepEqual(secret.sets, [...other.sets, own]);
  await time.pass(10 * HOUR_MS);
  assert.ok(secret.sets.includes(own));
  await time.pass(2 * HOUR_MS);
  assert.ok(!secret.sets.includes(own));
});

Deno.test("SharedSecret without a period stays", async () => {
  using time = new FakeTime();
  using secret = new SharedSecret(new FakeLink(), { ...OPTIONS, period: undefined }, () => {});
  const { sets } = secret;
  await time.pass(1000 * HOUR_MS);
  assert.deepEqual(secret.sets, sets);
});
