import assert from "node:assert/strict";
import { VARIABLES } from "../http/template.ts";
import { jsonSchemaText } from "./json_schema.ts";

Deno.test("config.schema.json is what the schema gives: run `deno task schema` when it is not", async () => {
  const shipped = await Deno.readTextFile(new URL("config.schema.json", import.meta.url));
  assert.equal(shipped, jsonSchemaText());
});

Deno.test("jsonSchemaText() has no default that the schema itself refuses: editors fill them in", () => {
  const short: string[] = [];
  JSON.parse(jsonSchemaText(), (key, value) => {
    if (value?.default?.length < (value?.minItems ?? 0)) short.push(key);
    return value;
  });
  assert.deepEqual(short, []);
});

Deno.test("jsonSchemaText() names every variable that the value of a header may hold", () => {
  const text = jsonSchemaText();
  const told = [...text.matchAll(/"description": "The value; (.*) stand for /g)];
  assert.ok(told.length > 0);
  for (const [, names] of told) {
    assert.equal(names, VARIABLES.map((name) => `{${name}}`).join(", "));
  }
});

Deno.test("jsonSchemaText() takes names that are numbers to YAML, by their pattern", () => {
  assert.doesNotMatch(jsonSchemaText(), /"propertyNames"/);
  const { error_pages: pages } = JSON.parse(jsonSchemaText()).properties;
  const [pattern = "", ...more] = Object.keys(pages.patternProperties);
  assert.deepEqual([pages.additionalProperties, more], [false, []]);
  assert.match("502", new RegExp(pattern, "u"));
  assert.doesNotMatch("302", new RegExp(pattern, "u"));
});
