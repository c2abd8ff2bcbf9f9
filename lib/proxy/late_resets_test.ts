import assert from "node:assert/strict";
import { ScriptedDeadlines } from "../../tests/support/scripted_exchange.ts";
import type { Stream } from "../http2/stream.ts";
import { LateResets } from "./late_resets.ts";

Deno.test("LateResets gives each stream a time of its own, and waits only while there are some", () => {
  const scripted = new ScriptedDeadlines();
  const gone: unknown[] = [];
  const resets = new LateResets<string>(scripted.deadlines, (stream) => void gone.push(stream));
  const [a, b, c] = ["a", "b", "c"] as unknown as Stream<string>[];
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  const timeIsUp = () => scripted.actions().forEach(({ play }) => play());
  assert.ok(!scripted.isArmed);
  resets.add(a);
  resets.add(b);
  timeIsUp();
  assert.deepEqual(gone, ["a"]);
  resets.add(c);
  timeIsUp();
  assert.deepEqual(gone, ["a", "b"]);
  timeIsUp();
  assert.deepEqual(gone, ["a", "b", "c"]);
  assert.ok(!scripted.isArmed);
  resets[Symbol.dispose]();
});
