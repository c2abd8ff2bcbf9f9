/** As much of a JSON Schema as the configuration's has. */
export interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

/** Every key of the configuration, one heading each, as Markdown. */
export function configReference(schema: Schema): string {
  return Object.entries(schema.properties ?? {})
    .map(([key, value]) => section(value, { key, level: 3, required: isRequired(schema, key) }))
    .join("\n");
}

interface Place {
  /** The key from the top: `backends.NAME.servers[].weight`. */
  readonly key: string;
  /** Of its heading. */
  readonly level: number;
  readonly required: boolean;
}

function section(schema: Schema, { key, level, required }: Place): string {
  const heading = level === 3 ? key : `\`${key}\``;
  const told = [schema.description, facts(schema, required)].filter((text) => text !== undefined);
  const body = told.map((text) => `${text}.\n`).join("\n");
  const own = `${"#".repeat(level)} ${heading}\n\n${body}`;
  return [own, ...children(schema, key)].join("\n");
}

function children(schema: Schema, key: string): readonly string[] {
  return inner(schema, key).flatMap(([schema, prefix]) =>
    Object.entries(schema.properties ?? {}).map(([name, value]) =>
      section(value, { key: `${prefix}.${name}`, level: 4, required: isRequired(schema, name) })
    )
  );
}

/** The objects that may stand at a key, each with how its keys are written. */
function inner(schema: Schema, key: string): readonly (readonly [Schema, string])[] {
  const named = Object.values(schema.patternProperties ?? {})
    .flatMap((one) => inner(one, `${key}.NAME`));
  const items = schema.items === undefined ? [] : inner(schema.items, `${key}[]`);
  const either = (schema.anyOf ?? []).flatMap((one) => inner(one, key));
  const own = schema.properties === undefined ? [] : [[schema, key] as const];
  return [...own, ...named, ...items, ...either];
}

function isRequired(schema: Schema, key: string): boolean {
  return schema.required?.includes(key) === true;
}

/** What a value may be, and what it is where none is given. */
function facts(schema: Schema, required: boolean): string | undefined {
  const parts = [
    form(schema),
    required ? "required" : undefined,
    isPlain(schema.default) ? `default ${code(schema.default)}` : undefined,
    example(schema),
  ].filter((part) => part !== undefined && part !== "");
  const text = parts.join("; ");
  return text === "" ? undefined : text.charAt(0).toUpperCase() + text.slice(1);
}

function form(schema: Schema): string | undefined {
  if (schema.enum !== undefined) return schema.enum.map(code).join(" or ");
  if (schema.const !== undefined) return code(schema.const);
  const either = (schema.anyOf ?? []).map(form).filter((text) => text !== undefined);
  if (either.length > 0) return [...new Set(either)].join(", or ");
  switch (schema.type) {
    case "boolean":
      return "`true` or `false`";
    case "string":
      return "text";
    case "integer":
      return `a whole number${range(schema)}`;
    case "number":
      return `a number${range(schema)}`;
    case "array":
      return `a list${of(schema.items)}`;
    case "object":
      return schema.properties === undefined ? undefined : "keys of its own";
    default:
      return undefined;
  }
}

/** The largest number that the schema takes anywhere: to tell it tells nothing. */
const NO_BOUND = 1_000_000_000;

function range({ minimum, maximum }: Schema): string {
  const most = maximum !== undefined && maximum < NO_BOUND ? maximum : undefined;
  if (minimum !== undefined && most !== undefined) return ` from ${minimum} to ${most}`;
  return minimum === undefined || minimum === 0 ? "" : ` from ${minimum}`;
}

function of(items: Schema | undefined): string {
  const text = items === undefined ? undefined : form(items);
  return text === undefined || text === "keys of its own" ? "" : ` of ${text}`;
}

function example({ examples, anyOf, items }: Schema): string | undefined {
  const found = examples ?? anyOf?.find((one) => one.examples !== undefined)?.examples ??
    items?.examples;
  return found?.[0] === undefined ? undefined : `such as ${code(found[0])}`;
}

/** Whether a default is worth a word: an object's are told at its keys, and no text is none. */
function isPlain(value: unknown): boolean {
  return value !== undefined && value !== "" && (typeof value !== "object" || Array.isArray(value));
}

function code(value: unknown): string {
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}
