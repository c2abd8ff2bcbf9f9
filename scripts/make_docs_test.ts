import assert from "node:assert/strict";
import { jsonSchemaText } from "../lib/config/json_schema.ts";
import { configReference } from "./config_reference.ts";
import { configurationPage } from "./make_docs.ts";

Deno.test("docs/configuration.md is what `deno task docs` writes", async () => {
  const page = await Deno.readTextFile(new URL("../docs/configuration.md", import.meta.url));
  assert.equal(page, await configurationPage());
});

Deno.test("the reference has a heading for every key, and says something below each", () => {
  const reference = configReference(JSON.parse(jsonSchemaText()));
  const keys = keysOf(JSON.parse(jsonSchemaText()));
  assert.ok(keys.size > 40, "the schema was read");
  for (const key of keys) assert.match(reference, new RegExp(`^#+ .*\\b${key}\`?$`, "m"), key);
  const silent = [...reference.matchAll(/^###+ (.+)\n+(?=#)/gm)].map(([, key]) => key);
  assert.deepEqual(silent, []);
  assert.doesNotMatch(reference, /``/, "what is nothing is no default worth a word");
});

Deno.test("the reference tells what is said and given of values that are written in several ways", () => {
  const reference = configReference(JSON.parse(jsonSchemaText()));
  for (const size of ["limits.header_bytes", "limits.body", "routes[].limits.body"]) {
    assert.ok(reference.includes(`#### \`${size}\`\n\nOf a `), size);
  }
  assert.match(reference, /min_version`\n\n.+\n\n`1\.2` or `1\.3`; default `1\.2`\.\n/);
});

Deno.test("configReference() tells form, default and place of keys however they nest", () => {
  const text = configReference({
    properties: {
      list: {
        type: "array",
        items: { anyOf: [{ type: "string" }, { properties: { a: { enum: ["x", "y"] } } }] },
      },
      named: {
        patternProperties: {
          "^[a-z]+$": {
            properties: { n: { type: "integer", minimum: 1, default: 3, description: "A count" } },
            required: ["n"],
          },
        },
      },
    },
  });
  assert.equal(
    text,
    "### list\n\nA list of text.\n\n#### `list[].a`\n\n`x` or `y`.\n\n" +
      "### named\n\n\n#### `named.NAME.n`\n\nA count.\n\nA whole number from 1; required; default `3`.\n",
  );
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
