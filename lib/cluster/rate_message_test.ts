import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeRates, encodeRates, newSender } from "./rate_message.ts";

const NOW = 1_700_000_000_000_000n;

Deno.test("decodeRates() gives what encodeRates() was given, by the clock of its reader", () => {
  const span = fc.bigInt({ min: 0n, max: 10n ** 15n });
  const entry = fc.record({
    key: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).filter((key) => key !== 0n),
    sum: span,
    alone: span.map((ahead) => NOW + ahead),
  });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), fc.bigInt(-1000n, 1000n), (taken, off) => {
      const message = { sender: newSender(), taken };
      const read = decodeRates(encodeRates(message, NOW), NOW + off);
      assert.deepEqual(read, {
        ...message,
        taken: taken.map((one) => ({ ...one, alone: one.alone + off })),
      });
    }),
  );
});

Deno.test("encodeRates() writes sender, then key, sum and time ahead of each", () => {
  const sender = new Uint8Array(16).fill(0xab);
  const bytes = encodeRates({ sender, taken: [{ key: -2n, sum: 256n, alone: NOW - 1n }] }, NOW);
  assert.equal(
    bytes.toHex(),
    `${"ab".repeat(16)}fffffffffffffffe0000000000000100${"f".repeat(16)}`,
  );
});

Deno.test("decodeRates() refuses what is no such message", () => {
  const whole = encodeRates({
    sender: newSender(),
    taken: [{ key: 1n, sum: 2n, alone: NOW }, { key: 3n, sum: 4n, alone: NOW }],
  }, NOW);
  const lengths = Array.from({ length: whole.length + 1 }, (_, length) => length);
  const taken = lengths.filter((length) => decodeRates(whole.slice(0, length), NOW) !== undefined);
  assert.deepEqual(taken, [16, 40, 64]);
  assert.equal(decodeRates(new Uint8Array([...whole, 0]), NOW), undefined);
  for (const bad of [{ key: 0n }, { sum: -1n }, { sum: 2n ** 62n }, { alone: -(2n ** 60n) }]) {
    const one = { key: 1n, sum: 2n, alone: NOW, ...bad };
    const bytes = encodeRates({ sender: newSender(), taken: [one] }, NOW);
    assert.equal(decodeRates(bytes, NOW), undefined, Object.keys(bad).join());
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    decodeRates(new Uint8Array(bytes), NOW);
  }));
});
