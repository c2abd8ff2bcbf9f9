import assert from "node:assert/strict";
import fc from "fast-check";
import { NO_PRIORITY } from "./priority.ts";
import { Stream } from "./stream.ts";
import { StreamTable } from "./stream_table.ts";

const WINDOWS = { send: 0, receive: 0, maxReceive: 0 };

Deno.test("StreamTable finds streams as a Map does, in the order of their numbers", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(15), { maxLength: 60 }), (ids) => {
      const table = new StreamTable<string>();
      const model = new Map<number, Stream<string>>();
      for (const id of ids) {
        const known = model.get(id);
        if (known === undefined) {
          const stream = new Stream<string>(id, WINDOWS, NO_PRIORITY);
          table.add(stream);
          model.set(id, stream);
        } else {
          table.delete(known);
          model.delete(id);
          table.delete(known);
        }
        assert.equal(table.size, model.size);
        const sorted = [...model.values()].sort((a, b) => a.id - b.id);
        assert.deepEqual(table.values().map(({ id }) => id), sorted.map(({ id }) => id));
        assert.deepEqual([...table], table.values());
        for (let i = 0; i < 17; i++) assert.equal(table.get(i), model.get(i));
      }
    }),
  );
});
