import assert from "node:assert/strict";
import { BUDGETS, ConnectionBudgets } from "./budgets.ts";
import { Http2Error } from "./http2_error.ts";

Deno.test("ConnectionBudgets end a connection that resets more than it is answered", () => {
  const budgets = new ConnectionBudgets(() => 0);
  for (let i = 0; i < 20; i++) budgets.earnMessage();
  for (let i = 0; i < BUDGETS.resets.start + 20; i++) budgets.spendReset();
  assert.throws(() => budgets.spendReset(), Http2Error);
});

Deno.test("ConnectionBudgets let a client ping every 10 s for days", () => {
  let now = 0;
  const budgets = new ConnectionBudgets(() => now);
  for (let i = 0; i < 10 * 8640; i++, now += 10_000) budgets.spendIdleFrame();
});

Deno.test("ConnectionBudgets come back with time, and not beyond where they began", () => {
  let now = 0;
  const budgets = new ConnectionBudgets(() => now);
  const spend = () => {
    let spent = 0;
    try {
      for (;; spent++) budgets.spendIdleFrame();
    } catch {
      return spent;
    }
  };
  assert.equal(spend(), BUDGETS.idleFrames.start);
  now = 1000;
  assert.equal(spend(), BUDGETS.idleFrames.perSecond);
  now = 1e9;
  assert.equal(spend(), BUDGETS.idleFrames.start);
});

Deno.test("ConnectionBudgets let DATA earn frames that carry nothing", () => {
  const budgets = new ConnectionBudgets(() => 0);
  budgets.earnBytes(1023);
  budgets.earnBytes(3 * 1024);
  for (let i = 0; i < BUDGETS.idleFrames.start + 30; i++) budgets.spendIdleFrame();
  assert.throws(() => budgets.spendIdleFrame(), Http2Error);
});

Deno.test("ConnectionBudgets let the peer tell of each KiB that it was sent", () => {
  const budgets = new ConnectionBudgets(() => 0);
  budgets.earnSent(1023);
  budgets.earnSent(16 * 1024);
  for (let i = 0; i < BUDGETS.idleFrames.start + 16; i++) budgets.spendIdleFrame();
  assert.throws(() => budgets.spendIdleFrame(), Http2Error);
});
