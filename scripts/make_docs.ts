/**
 * Writes the reference of every key into `docs/configuration.md`, from the schema that the proxy
 * itself reads with: `deno task docs`.
 */
import { jsonSchemaText } from "../lib/config/json_schema.ts";
import { between, REFERENCE } from "./between.ts";
import { configReference } from "./config_reference.ts";

const PAGE = new URL("../docs/configuration.md", import.meta.url);

/** The page as it is to be. */
export async function configurationPage(): Promise<string> {
  const page = await Deno.readTextFile(PAGE);
  return between(page, REFERENCE, formatted(configReference(JSON.parse(jsonSchemaText()))));
}

/** The lines are as long as what they say. */
function formatted(text: string): string {
  return `<!-- deno-fmt-ignore-start -->\n\n${text.trim()}\n\n<!-- deno-fmt-ignore-end -->`;
}

if (import.meta.main) await Deno.writeTextFile(PAGE, await configurationPage());
