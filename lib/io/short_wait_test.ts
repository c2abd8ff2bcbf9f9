import assert from "node:assert/strict";
import { ShortWait } from "./short_wait.ts";

/** Turns of the microtask queue until something is so; at most 20. */
async function turnsUntil(isSo: () => boolean): Promise<number> {
  let turns = 0;
  for (; !isSo() && turns < 20; turns++) await undefined;
  return turns;
}

Deno.test("ShortWait is over after its turns, and begun anew after as many", async () => {
  let over = 0;
  const wait = new ShortWait(4, () => over++);
  wait.start();
  assert.equal(await turnsUntil(() => over === 1), 4);
  wait.start();
  await undefined;
  wait.start();
  assert.equal(await turnsUntil(() => over === 2), 4);
  assert.equal(await turnsUntil(() => over === 3), 20);
});

Deno.test("ShortWait tells nothing once it is stopped, and may begin again at once", async () => {
  let over = 0;
  const wait = new ShortWait(4, () => over++);
  wait.start();
  wait.stop();
  assert.equal(await turnsUntil(() => over === 1), 20);
  wait.start();
  await undefined;
  wait.stop();
  wait.start();
  assert.equal(await turnsUntil(() => over === 1), 4);
});
