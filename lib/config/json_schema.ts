import * as z from "zod";
import { YAML_SCHEMA } from "./yaml_schema.ts";

/** The JSON Schema of the configuration file (draft 2020-12). */
export function jsonSchema(): z.core.JSONSchema.JSONSchema {
  return z.toJSONSchema(YAML_SCHEMA, {
    ...{ io: "input", unrepresentable: "any" },
    override: ({ jsonSchema }) => nameByPattern(jsonSchema),
  });
}

/**
 * Names of the user's own by `patternProperties`: `propertyNames` says that they are text, and to an
 * editor the 502 of `error_pages` is a number.
 */
function nameByPattern(schema: z.core.JSONSchema.BaseSchema): void {
  const { propertyNames: names, additionalProperties: value } = schema;
  delete schema.propertyNames;
  if (typeof names !== "object" || names.pattern === undefined || value === undefined) return;
  schema.patternProperties = { [names.pattern]: value };
  schema.additionalProperties = false;
}

/** The same as text, for editors. */
export function jsonSchemaText(): string {
  const schema = jsonSchema();
  return JSON.stringify({ title: "tls-proxy configuration", ...schema }, null, 2) + "\n";
}
