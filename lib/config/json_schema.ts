import * as z from "zod";
import { YAML_SCHEMA } from "./yaml_schema.ts";

/** The JSON Schema of the configuration file (draft 2020-12). */
export function jsonSchema(): z.core.JSONSchema.JSONSchema {
  return z.toJSONSchema(YAML_SCHEMA, { io: "input", unrepresentable: "any" });
}

/** The same as text, for editors. */
export function jsonSchemaText(): string {
  const schema = jsonSchema();
  return JSON.stringify({ title: "tls-proxy configuration", ...schema }, null, 2) + "\n";
}
