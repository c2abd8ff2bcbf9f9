import assert from "node:assert/strict";
import fc from "fast-check";
import { joinBytes } from "../../core/bytes.ts";
import { RecordWalk } from "./record_walk.ts";

function record(length: number): Uint8Array {
  return Uint8Array.of(23, 3, 3, length >> 8, length & 0xff, ...new Uint8Array(length));
}

Deno.test("RecordWalk tells how much of a record is missing, or nothing where it cannot", () => {
  const lengths = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(lengths, fc.array(fc.integer({ min: 1, max: 300 })), (lengths, cuts) => {
      const records = lengths.map(record);
      const bytes = joinBytes(records);
      const ends = records.reduce<number[]>(
        (ends, { length }) => [...ends, (ends.at(-1) ?? 0) + length],
        [],
      );
      const walk = new RecordWalk();
      let isLost = false;
      for (let at = 0; at < bytes.length;) {
        const count = Math.min(cuts.shift() ?? bytes.length, bytes.length - at);
        const atBoundary = at === 0 || ends.includes(at);
        walk.pass(bytes.subarray(at), count, atBoundary);
        at += count;
        const begin: number = Math.max(0, ...ends.filter((end) => end <= at));
        const end: number | undefined = ends.find((end) => end > at);
        if (atBoundary) isLost = false;
        // where fewer bytes than a header have come of a record
        isLost ||= at > begin && at - begin < 5;
        const told: number = isLost || at === begin || end === undefined ? 0 : end - at;
        assert.equal(walk.missing, told);
      }
    }),
  );
});
