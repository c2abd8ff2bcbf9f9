import type { Grants } from "./grants.ts";

/**
 * The grants as flags of `deno run` and `deno compile`, with those that close what is open without a
 * grant: questions at the terminal, and modules from the network, to which the net permission does
 * not apply. These are closed with `--cached-only` beside it alone: npm, and the hosts that the
 * runtime trusts by default, heed no `--deny-import`. Variables of the environment are not there
 * rather than forbidden, since packages read some as they are loaded.
 */
export function permissionFlags(grants: Grants): readonly string[] {
  const allowed = KINDS.flatMap((kind) => {
    const granted = grants[kind];
    if (granted === "any") return [`--allow-${kind}`];
    return granted.length === 0 ? [] : [`--allow-${kind}=${granted.join(",")}`];
  });
  return ["--no-prompt", "--deny-import", "--ignore-env", ...allowed];
}

/** Every kind that can be granted, in the order in which they are told. */
export const KINDS = ["net", "read", "write", "env", "ffi"] as const satisfies (keyof Grants)[];

/** The flags as one line that a POSIX shell takes apart again. */
export function shellLine(flags: readonly string[]): string {
  return flags.map(shellWord).join(" ");
}

function shellWord(word: string): string {
  return /^[A-Za-z0-9_\-./:=,@%+]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * The grants as a permission set of `deno.json`, for `-P`. A set cannot refuse modules from the
 * network: that takes the flags `--deny-import` and `--cached-only` beside it.
 */
export function permissionSet(grants: Grants): Readonly<Record<string, unknown>> {
  const kinds = KINDS.filter((kind) => kind !== "env" && grants[kind].length > 0);
  return {
    ...Object.fromEntries(kinds.map((kind) => {
      const granted = grants[kind];
      return [kind, granted === "any" ? true : granted];
    })),
    env: grants.env.length === 0 ? { ignore: true } : { allow: grants.env, ignore: true },
  };
}
