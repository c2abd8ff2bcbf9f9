import assert from "node:assert/strict";
import { type Pin, Pins } from "./pins.ts";

/** A pin that remembers what became of it. */
class Scripted {
  over: "aborted" | undefined;
  isOfUse = true;
  gone = () => {};
  readonly pin = { server: {}, stream: this } as unknown as Pin;

  retain(onGone: () => void): boolean {
    this.gone = onGone;
    return this.isOfUse;
  }

  abort(): void {
    this.over = "aborted";
  }
}

Deno.test("Pins gives each connection to one request at a time, the last one first", () => {
  const pins = new Pins();
  const [a, b, other] = [new Scripted(), new Scripted(), new Scripted()];
  assert.equal(pins.take("x"), undefined);
  pins.keep("x", a.pin);
  pins.keep("x", b.pin);
  pins.keep("y", other.pin);
  assert.equal(pins.take("x"), b.pin);
  assert.equal(pins.take("x"), a.pin);
  assert.equal(pins.take("x"), undefined);
  assert.equal(pins.take("y"), other.pin);
});

Deno.test("Pins forgets what has gone, and what is of no use", () => {
  const pins = new Pins();
  const [gone, useless] = [new Scripted(), new Scripted()];
  pins.keep("x", gone.pin);
  gone.gone();
  assert.equal(pins.take("x"), undefined);
  useless.isOfUse = false;
  pins.keep("x", useless.pin);
  assert.equal(pins.take("x"), undefined);
});

Deno.test("Pins closes what is too many, and all when its client goes, whatever comes later", () => {
  const pins = new Pins();
  const all = Array.from({ length: 8 }, () => new Scripted());
  for (const { pin } of all) pins.keep("x", pin);
  assert.deepEqual(
    all.map(({ over }) => over === undefined),
    [..."11111100"].map((x) => x === "1"),
  );
  pins.close();
  assert.ok(all.every(({ over }) => over === "aborted"));
  const late = new Scripted();
  pins.keep("x", late.pin);
  assert.equal(late.over, "aborted");
});
