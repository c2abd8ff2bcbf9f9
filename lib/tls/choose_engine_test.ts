import assert from "node:assert/strict";
import { chooseEngine, type EngineQuestion, type Need } from "./choose_engine.ts";

const NAMES: Need = { capability: "certificates_by_name", why: "two certificates", strict: true };
const FACTS: Need = { capability: "protocol_facts", why: "the log", strict: false };
const SEEN: Need = { capability: "truncation_seen", why: "it must", strict: true };

function choose(question: Partial<EngineQuestion>) {
  return chooseEngine({
    wanted: "auto",
    needs: [],
    denoCan: new Set(["truncation_seen"]),
    denoUnavailable: undefined,
    ...question,
  });
}

Deno.test("chooseEngine() takes the fastest engine that can do what is needed", () => {
  const fastest = "the fastest, and it can do all that is needed";
  assert.deepEqual(choose({}), { engine: "deno", reason: fastest });
  assert.deepEqual(choose({ needs: [SEEN] }), { engine: "deno", reason: fastest });
  assert.deepEqual(choose({ needs: [SEEN, FACTS, NAMES] }), { engine: "node", reason: "the log" });
  assert.deepEqual(choose({ denoUnavailable: "no libc" }), { engine: "node", reason: "no libc" });
});

Deno.test("chooseEngine() takes what is asked for, unless it would do something else", () => {
  assert.deepEqual(choose({ wanted: "node" }), { engine: "node", reason: "asked for" });
  assert.deepEqual(choose({ wanted: "deno", needs: [FACTS, SEEN] }), {
    engine: "deno",
    reason: "asked for",
  });
  assert.throws(() => choose({ wanted: "deno", needs: [FACTS, NAMES] }), {
    code: "bad_config",
    message: "The deno engine cannot be used: two certificates (certificates_by_name)",
  });
});
