import assert from "node:assert/strict";
import { jsonSchemaText } from "./json_schema.ts";

Deno.test("config.schema.json is what the schema gives: run `deno task schema` when it is not", async () => {
  const shipped = await Deno.readTextFile(new URL("config.schema.json", import.meta.url));
  assert.equal(shipped, jsonSchemaText());
});
