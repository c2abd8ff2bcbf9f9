/**
 * Writes the JSON Schema of the configuration file, which editors use to check and to complete:
 * `deno task schema`. It comes from the schema the proxy itself reads with.
 */
import { jsonSchemaText } from "../lib/config/json_schema.ts";

await Deno.writeTextFile("lib/config/config.schema.json", jsonSchemaText());
