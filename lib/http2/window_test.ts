import assert from "node:assert/strict";
import fc from "fast-check";
import { ReceiveWindow, SendWindow } from "./window.ts";

Deno.test("SendWindow may be below 0, and not above what the RFC allows", () => {
  const window = new SendWindow(10);
  window.take(10);
  assert.equal(window.grow(-5), true);
  assert.equal(window.available, -5);
  assert.equal(window.grow(0x7fff_ffff), true);
  assert.equal(window.grow(6), false);
});

Deno.test("ReceiveWindow tells of half a window at a time, and refuses what goes over it", () => {
  const window = new ReceiveWindow(100);
  assert.equal(window.receive(100), true);
  assert.equal(window.release(49), 0);
  assert.equal(window.release(1), 50);
  assert.equal(window.receive(50), true);
  assert.equal(window.receive(1), false);
});

Deno.test("ReceiveWindow grows only where what comes is taken as fast as it comes", () => {
  const slow = new ReceiveWindow(100, 400);
  slow.receive(100);
  assert.equal(slow.release(60), 60);
  const fast = new ReceiveWindow(100, 400);
  fast.receive(60);
  assert.equal(fast.release(60), 160);
  fast.receive(200);
  assert.equal(fast.release(200), 400);
  fast.receive(400);
  assert.equal(fast.release(400), 400);
});

Deno.test("ReceiveWindow grows within its share, and does not shrink where that does", () => {
  const window = new ReceiveWindow(100, 400);
  window.receive(100);
  assert.equal(window.release(100, 30.5), 130);
  window.receive(130);
  assert.equal(window.release(130, 10), 130);
  window.receive(130);
  assert.equal(window.release(130, 1000), 260);
});

Deno.test("ReceiveWindow never lets the peer have more than its size outstanding", () => {
  const steps = fc.array(fc.tuple(fc.nat(80), fc.nat(80)));
  fc.assert(fc.property(steps, (steps) => {
    const window = new ReceiveWindow(100, 800);
    let granted = 100;
    let held = 0;
    for (const [come, taken] of steps) {
      const bytes = Math.min(come, granted);
      assert.equal(window.receive(bytes), true);
      granted -= bytes;
      held += bytes;
      const released = Math.min(taken, held);
      granted += window.release(released);
      held -= released;
      assert.equal(window.held, held);
      assert.ok(granted + held <= 800);
    }
  }));
});
