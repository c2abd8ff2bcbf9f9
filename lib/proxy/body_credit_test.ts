import assert from "node:assert/strict";
import fc from "fast-check";
import { BodyCredit } from "./body_credit.ts";

/** Pieces of a body: how long each was waited for, and its bytes. */
type Pieces = readonly (readonly [waited: number, bytes: number])[];

const SECOND = 1000;

/** At 100 bytes a second and 10 s idle: whether it is over, or what is left. */
const CASES: readonly (readonly [name: string, pieces: Pieces, left: number])[] = [
  ["nothing came yet", [], 10_000],
  ["a piece came at once", [[0, 5000]], 10_000],
  ["a pause came before much", [[9 * SECOND, 5000]], 10_000],
  ["a pause came before little", [[9 * SECOND, 100]], 2000],
  ["more was sent than can be saved", [[0, 1_000_000], [9 * SECOND, 0]], 1000],
  ["one byte a second came", Array.from({ length: 10 }, () => [SECOND, 1] as const), 100],
  ["just enough came", Array.from({ length: 1000 }, () => [SECOND, 100] as const), 10_000],
];

Deno.test("BodyCredit.left is what may still be waited", () => {
  for (const [name, pieces, left] of CASES) {
    const credit = new BodyCredit({ idle: 10_000, rate: 100 });
    for (const [waited, bytes] of pieces) credit.account({ waited, bytes });
    assert.equal(credit.left, left, name);
    credit.renew();
    assert.equal(credit.left, 10_000, name);
  }
});

Deno.test("BodyCredit.left is whole again after any byte when no rate is asked", () => {
  const credit = new BodyCredit({ idle: 10_000, rate: 0 });
  for (let i = 0; i < 100; i++) {
    credit.account({ waited: 9 * SECOND, bytes: 1 });
    assert.equal(credit.left, 10_000);
  }
  credit.account({ waited: 9 * SECOND, bytes: 0 });
  assert.equal(credit.left, 1000);
});

const pieces = fc.array(
  fc.tuple(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 100_000 })),
);
const rates = fc.record({
  idle: fc.integer({ min: 1, max: 60_000 }),
  rate: fc.integer({ min: 1 }),
});

Deno.test("BodyCredit lets through what keeps the rate, however long it takes", () => {
  fc.assert(fc.property(pieces, rates, (pieces, { idle, rate }) => {
    const credit = new BodyCredit({ idle, rate });
    for (const [wanted] of pieces) {
      const waited = Math.min(wanted, idle);
      assert.ok(credit.left >= waited - 1e-6);
      credit.account({ waited, bytes: Math.ceil(waited * rate / 1000) });
    }
  }));
});

Deno.test("BodyCredit ends what stays below the rate", () => {
  fc.assert(fc.property(pieces, rates, (pieces, { idle, rate }) => {
    const credit = new BodyCredit({ idle, rate });
    let waitedInAll = 0;
    let bytesInAll = 0;
    for (const [waited, bytes] of pieces) {
      if (waited > credit.left) break;
      credit.account({ waited, bytes });
      waitedInAll += waited;
      bytesInAll += bytes;
    }
    assert.ok(waitedInAll <= idle + bytesInAll * 1000 / rate + 1e-3);
  }));
});
