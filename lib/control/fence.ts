import type { Config } from "../config/schema.ts";
import { libcPath } from "../ports/libc.ts";
import { type Holds, missingFlags, surplusFlags } from "../permissions/fence.ts";
import { type Grants, grantsFor, type NotifySockets } from "../permissions/grants.ts";
import { engineOf } from "./snapshot.ts";

/** What the process needs for a configuration file, see `grantsFor`. */
export function neededGrants(
  config: Config,
  { configFile, notify, libc = libcPath(), program = programFiles() }: {
    configFile: string;
    notify?: NotifySockets | undefined;
    /** Of the machine that it is for, where that is another. */
    libc?: string | undefined;
    /** The same of the program that is run. */
    program?: readonly string[];
  },
): Grants {
  return grantsFor(config, {
    configFile,
    cwd: Deno.cwd(),
    libc: callsLibc(config) ? libc : undefined,
    program,
    notify,
  });
}

/**
 * Why this process cannot serve a configuration: each permission that it would need and was not
 * granted at its start, which is when a process gets its permissions.
 */
export function notPermitted(config: Config, configFile: string): readonly string[] {
  return missingFlags(neededGrants(config, { configFile }), holds).map((flag) =>
    `this process was started without the permission ${flag}`
  );
}

/** What this process was granted beyond what the configuration needs, as flags. */
export function surplusGrants(config: Config, configFile: string): readonly string[] {
  return surplusFlags(neededGrants(config, { configFile }), holds);
}

/** The engine as it would be chosen where the library may be called. */
function callsLibc(config: Config): boolean {
  return config.listeners.some((listener) =>
    listener.kind === "tls" &&
    engineOf(listener, config, { denoUnavailable: undefined }).engine === "deno"
  );
}

/** What this program is made of: its source, or one file where it is bundled. */
function programFiles(): readonly string[] {
  // an executable may read what is embedded in it
  if (Deno.build.standalone) return [];
  const main = decodeURIComponent(new URL(Deno.mainModule).pathname);
  if (!main.endsWith("/main.ts")) return [main];
  const folder = main.slice(0, -"/main.ts".length);
  return [main, `${folder}/lib`, `${folder}/deno.json`];
}

const holds: Holds = (permission) => Deno.permissions.querySync(permission).state === "granted";
