import type { Config } from "../config/schema.ts";
import { libcPath } from "../ports/libc.ts";
import type { KeyPath } from "../config/key_path.ts";
import { type Grant, type Holds, missingGrants, surplusFlags } from "../permissions/fence.ts";
import {
  type Grants,
  grantsFor,
  keyWriting,
  needsOf,
  type NotifySockets,
  type Surroundings,
} from "../permissions/grants.ts";
import { engineOf } from "./snapshot.ts";

/** What the process needs for a configuration file, see `grantsFor`. */
export function neededGrants(config: Config, where: ProgramPlace): Grants {
  return grantsFor(config, surroundingsOf(config, where));
}

/** What the grants depend on, beside this process. */
export interface ProgramPlace {
  readonly configFile: string;
  readonly notify?: NotifySockets | undefined;
  /** Of the machine that it is for, where that is another. */
  readonly libc?: string | undefined;
  /** The same of the program that is run. */
  readonly program?: readonly string[];
}

function surroundingsOf(config: Config, where: ProgramPlace): Surroundings {
  const { configFile, notify, libc = libcPath(), program = programFiles() } = where;
  const cwd = Deno.cwd();
  return { configFile, cwd, libc: callsLibc(config) ? libc : undefined, program, notify };
}

/** What stands against a configuration. */
export interface Objection {
  /** The key that it is about. */
  readonly key: KeyPath;
  readonly message: string;
}

/**
 * Why this process cannot serve a configuration: each permission that it would need and was not
 * granted at its start, which is when a process gets its permissions.
 */
export function notPermitted(config: Config, configFile: string): readonly Objection[] {
  const surroundings = surroundingsOf(config, { configFile });
  return missingGrants(needsOf(config, surroundings), holds).map((grant) => ({
    key: grant.kind === "write" ? keyWriting(grant.value, config, surroundings) : [],
    message: `this process was started without the permission ${grant.flag}` +
      wayOut(grant, configFile),
  }));
}

/** `deno task proxy` may do everything but write, so it meets this at the first start. */
function wayOut({ kind }: Grant, configFile: string): string {
  if (kind !== "write") return "";
  return Deno.build.standalone
    ? "; build the executable anew with --config"
    : `; deno task proxy:prod --config ${configFile} grants exactly what it needs`;
}

/** What this process was granted beyond what the configuration needs, as flags. */
export function surplusGrants(config: Config, configFile: string): readonly string[] {
  return surplusFlags(needsOf(config, surroundingsOf(config, { configFile })), holds);
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
