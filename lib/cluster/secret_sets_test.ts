import assert from "node:assert/strict";
import {
  firstTurn,
  isSameTurn,
  leftBehind,
  newSecret,
  parseTurn,
  setsOf,
  turned,
} from "./secret_sets.ts";

Deno.test("setsOf() is what is in use first, and takes the next set ahead of its turn", () => {
  const first = firstTurn(8);
  assert.deepEqual(setsOf(first), [first.inUse, first.next]);
  const second = turned(first);
  assert.deepEqual(setsOf(second), [first.next, second.next, first.inUse]);
  const third = turned(second);
  assert.deepEqual(setsOf(third), [second.next, third.next, first.next]);
});

Deno.test("leftBehind() is what nobody else takes", () => {
  const [mine, others] = [firstTurn(8), firstTurn(8)];
  assert.equal(leftBehind(mine, mine), undefined);
  assert.equal(leftBehind(mine, turned(mine)), undefined);
  // one that has turned a moment sooner than the others
  assert.equal(leftBehind(turned(mine), mine), undefined);
  assert.equal(leftBehind(mine, others), mine.inUse);
  assert.equal(leftBehind(mine, turned(turned(mine))), mine.inUse);
});

Deno.test("parseTurn() takes an answer of the script, and nothing else", () => {
  const [inUse, before, next] = [newSecret(8), newSecret(8), newSecret(8)];
  const [a, b, c] = [inUse.toBase64(), before.toBase64(), next.toBase64()];
  const whole = parseTurn([a, b, c, 5], 8);
  assert.ok(whole !== undefined && isSameTurn(whole.turn, { inUse, before, next }));
  assert.equal(whole.left, 5);
  assert.equal(parseTurn([a, "", c, 5], 8)?.turn.before, undefined);
  const bad: unknown[] = [
    ...[null, "", {}, [], [a], [a, b], [a, b, 1, 5], ["?", b, c, 5], [a, b, "AAAA", 5]],
    [newSecret(9).toBase64(), b, c, 5],
  ];
  for (const answer of bad) assert.equal(parseTurn(answer, 8), undefined, JSON.stringify(answer));
});
