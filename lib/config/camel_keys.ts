import type * as z from "zod";

type CamelCase<Key> = Key extends `${infer First}_${infer Rest}`
  ? `${First}${Capitalize<CamelCase<Rest> & string>}`
  : Key;

/** Every key is there: undefined where the file says nothing and there is no default. */
type CamelKeys<T> = { [Key in keyof T as CamelCase<Key>]-?: T[Key] };

/** The same for who only reads it. */
export type Frozen<T> = T extends object ? { readonly [Key in keyof T]: Frozen<T[Key]> } : T;

/** An object whose keys the file has as `max_idle`, and the program as `maxIdle`. */
export function camelKeys<Shape extends z.core.$ZodShape>(
  schema: z.ZodObject<Shape, z.core.$strict>,
) {
  type Output = z.output<typeof schema>;
  const names = Object.keys(schema.shape).map((key) => [key, camelCase(key)] as const);
  return schema.transform((value): CamelKeys<Output> => {
    const said: Readonly<Record<string, unknown>> = value;
    const entries = names.map(([key, name]) => [name, said[key]]);
    return Object.fromEntries(entries) as CamelKeys<Output>;
  });
}

function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
