import assert from "node:assert/strict";
import { knownKeys } from "./known_keys.ts";

Deno.test("knownKeys() finds the keys of maps, lists, names and values of several forms", () => {
  assert.ok(knownKeys([]).includes("listeners"));
  assert.ok(knownKeys(["listeners", 3]).includes("listen"));
  assert.ok(knownKeys(["listeners", 0, "tls"]).includes("min_version"));
  assert.ok(knownKeys(["backends", "any"]).includes("servers"));
  assert.ok(knownKeys(["backends", "any", "servers", 1]).includes("weight"));
  assert.deepEqual(knownKeys(["backends", "any", "queue"]), ["max", "timeout"]);
  assert.deepEqual(knownKeys(["watch", "config"]), []);
  assert.deepEqual(knownKeys(["none", "of", 3, "these"]), []);
});
