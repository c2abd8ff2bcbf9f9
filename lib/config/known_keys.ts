import type * as z from "zod";
import { jsonSchema } from "./json_schema.ts";
import type { KeyPath } from "./key_path.ts";

type Schema = z.core.JSONSchema._JSONSchema;

/** Made with the first mistake: it takes milliseconds, and a file may have thousands of them. */
let schema: Schema | undefined;

/** The keys that may stand at a path of the configuration file. */
export function knownKeys(path: KeyPath): readonly string[] {
  schema ??= jsonSchema();
  return path.reduce(descend, [schema])
    .flatMap(formsOf)
    .flatMap(({ properties = {} }) => Object.keys(properties));
}

function descend(schemas: readonly Schema[], key: string | number): readonly Schema[] {
  return schemas.flatMap(formsOf).flatMap(({ items, properties, patternProperties = {} }) => {
    // whatever a name of the user's own is, what is behind it is the same
    const next = typeof key === "number"
      ? items
      : properties?.[key] ?? Object.values(patternProperties)[0];
    return next === undefined ? [] : [next].flat();
  });
}

/** All that a value may be: one schema, or several to choose from. */
function formsOf(schema: Schema): readonly Exclude<Schema, boolean>[] {
  if (typeof schema === "boolean") return [];
  return schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap(formsOf);
}
