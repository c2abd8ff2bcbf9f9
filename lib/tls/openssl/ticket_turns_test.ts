import assert from "node:assert/strict";
import { FakeTime } from "../../../tests/support/fake_time.ts";
import type { TicketKeySets } from "./ticket_keys.ts";
import { TICKET_TURN_MS, TicketTurns } from "./ticket_turns.ts";

Deno.test("TicketTurns makes new keys every 12 h, and keeps the ones before", async () => {
  using time = new FakeTime();
  const told: TicketKeySets[] = [];
  using turns = new TicketTurns((sets) => void told.push(sets));
  const [first, ...none] = turns.sets;
  assert.deepEqual([first.length, none.length], [80, 0]);
  await time.pass(TICKET_TURN_MS - 1);
  assert.equal(told.length, 0);
  await time.pass(1);
  assert.deepEqual(told, [turns.sets]);
  const [second, before] = turns.sets;
  assert.equal(before, first);
  assert.notDeepEqual(second, first);
  await time.pass(TICKET_TURN_MS);
  assert.equal(turns.sets[1], second);
  assert.equal(turns.sets.length, 2);
});
