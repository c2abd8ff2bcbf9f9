import assert from "node:assert/strict";
import fc from "fast-check";
import {
  parseRenewalInfo,
  pauseAfter,
  renewalIdentifier,
  renewalTime,
  retryPause,
} from "./renewal.ts";

const DAY = 86_400_000;
const NINETY = { notBefore: 0, notAfter: 90 * DAY };

Deno.test("renewalTime() is two thirds of the life, a little sooner by chance", () => {
  assert.equal(renewalTime(NINETY, { chance: 0 }), 60 * DAY);
  assert.equal(renewalTime(NINETY, { chance: 1 }), 58.5 * DAY);
  assert.equal(renewalTime(NINETY, { renewBefore: 10 * DAY, chance: 0 }), 80 * DAY);
});

Deno.test("renewalTime() is well within the life of what lives shorter than asked", () => {
  const week = { notBefore: 0, notAfter: 6 * DAY };
  assert.equal(renewalTime(week, { renewBefore: 30 * DAY, chance: 0 }), 4 * DAY);
  assert.equal(renewalTime(week, { renewBefore: 6 * DAY, chance: 1 }), 3.9 * DAY);
  assert.equal(renewalTime(week, { renewBefore: 5 * DAY, chance: 0 }), DAY);
});

Deno.test("renewalTime() heeds the CA, but never waits for the end", () => {
  const window = { start: 20 * DAY, end: 22 * DAY };
  assert.equal(renewalTime(NINETY, { window, chance: 0.5 }), 21 * DAY);
  const late = { start: 100 * DAY, end: 101 * DAY };
  assert.equal(renewalTime(NINETY, { window: late, chance: 0 }), 90 * DAY);
});

Deno.test("renewalTime() is never behind the end of a certificate, nor ahead of its beginning", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 400 * DAY }),
    fc.option(fc.integer({ min: 0, max: 800 * DAY }), { nil: undefined }),
    fc.double({ min: 0, max: 1, noNaN: true }),
    (life, renewBefore, chance) => {
      const time = renewalTime({ notBefore: 0, notAfter: life }, { renewBefore, chance });
      assert.ok(time > 0 && time <= life);
    },
  ));
});

Deno.test("pauseAfter() grows from a minute to a day, and retryPause() stays short", () => {
  const pauses = [1, 2, 3, 4, 5, 6, 100].map((failures) => pauseAfter(failures, 0));
  assert.deepEqual(pauses, [60_000, 600_000, 3_600_000, 6 * 3_600_000, DAY, DAY, DAY]);
  assert.deepEqual([1, 2, 8, 50].map((failures) => retryPause(failures, 0)), [
    ...[5_000, 10_000, 600_000, 600_000],
  ]);
  assert.equal(pauseAfter(1, 1), 66_000);
});

Deno.test("renewalIdentifier() is that of the example in RFC 9773, section 4.1", () => {
  const keyIdentifier = Uint8Array.fromHex("69885b6b87464041e1b37b847ba0ae2cde01c8d4");
  const serial = Uint8Array.fromHex("0087654321");
  assert.equal(renewalIdentifier(keyIdentifier, serial), "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
});

Deno.test("parseRenewalInfo() takes a window and nothing else", () => {
  const start = "2026-01-02T04:00:00Z";
  const end = "2026-01-03T04:00:00Z";
  assert.deepEqual(parseRenewalInfo({ suggestedWindow: { start, end } }), {
    start: Date.parse(start),
    end: Date.parse(end),
  });
  const wrong = [
    ...[undefined, null, 1, "x", {}, { suggestedWindow: null }, { suggestedWindow: {} }],
    { suggestedWindow: { start: end, end: start } },
    { suggestedWindow: { start: "soon", end } },
  ];
  for (const value of wrong) assert.equal(parseRenewalInfo(value), undefined);
});
