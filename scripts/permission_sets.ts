import manifest from "../deno.json" with { type: "json" };

/** What a kind is granted: nothing, everything, or what is listed. */
export type Granted = boolean | readonly string[];

/** A permission set of `deno.json`, as far as this project uses the form. */
export type PermissionSet =
  & { readonly [kind in "net" | "read" | "write" | "run" | "ffi" | "sys"]?: Granted }
  & { readonly env?: boolean | readonly string[] | { readonly ignore: boolean } };

/** Those of `deno.json`, by name. */
export const PERMISSION_SETS: ReadonlyMap<string, PermissionSet> = new Map(
  Object.entries<PermissionSet>(manifest.permissions),
);

/**
 * A set as flags: for a process in another folder, as the paths in a set start from `deno.json` and
 * those in flags from the working directory.
 *
 * @throws {Error} where `deno.json` has no such set
 */
export function flagsOfSet(name: string): string[] {
  const set = PERMISSION_SETS.get(name);
  if (set === undefined) throw new Error(`deno.json has no permission set "${name}"`);
  const { env, ...kinds } = set;
  const ofEnv = typeof env === "object" && "ignore" in env
    ? ["--ignore-env"]
    : flag("env", env ?? false);
  return [...ofEnv, ...Object.entries(kinds).flatMap(([kind, granted]) => flag(kind, granted))];
}

function flag(kind: string, granted: Granted): string[] {
  if (granted === true) return [`--allow-${kind}`];
  return granted === false || granted.length === 0 ? [] : [`--allow-${kind}=${granted.join(",")}`];
}
