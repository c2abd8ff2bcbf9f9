import assert from "node:assert/strict";
import { jsonSchemaText } from "./json_schema.ts";
import { parseConfig } from "./parse.ts";

const README = await Deno.readTextFile(new URL("../../README.md", import.meta.url));

Deno.test("the configuration in the README has no mistake", () => {
  const [, text = ""] = /```yaml\n([^]*?)```/.exec(README) ?? [];
  const { config, problems } = parseConfig({ path: "proxy.yaml", text });
  assert.deepEqual(problems, []);
  assert.equal(config?.listeners.length, 2);
});

Deno.test("the README has every key of the configuration", () => {
  const [, reference = ""] = /\n\| key [^\n]*\n([^]*?)\n\n/.exec(README) ?? [];
  const keys = keysOf(JSON.parse(jsonSchemaText()));
  assert.ok(keys.size > 40, "the schema was read");
  for (const key of keys) {
    const told = new RegExp(
      `[.…\`]_?${key.replace("connections_per_ip", "per_ip")}(?:\\[\\])?[.\`]`,
    );
    assert.ok(told.test(reference), key);
  }
});

/** The names of all properties in a JSON Schema. */
function keysOf(schema: unknown, keys = new Set<string>()): Set<string> {
  if (typeof schema !== "object" || schema === null) return keys;
  for (const [name, value] of Object.entries(schema)) {
    if (name === "properties") { for (const key of Object.keys(value)) keys.add(key); }
    keysOf(value, keys);
  }
  return keys;
}
