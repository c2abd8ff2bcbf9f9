import * as z from "zod";
import { YAML_SCHEMA } from "./yaml_schema.ts";

/** The JSON Schema of the configuration file, for editors. */
export function jsonSchemaText(): string {
  const schema = z.toJSONSchema(YAML_SCHEMA, { io: "input", unrepresentable: "any" });
  return JSON.stringify({ title: "tls-proxy configuration", ...schema }, null, 2) + "\n";
}
