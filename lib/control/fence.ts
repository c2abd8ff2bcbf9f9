import type { Config } from "../config/config.ts";
import { libcPath } from "../ports/libc.ts";
import { installedPlaces, notInstalled } from "../tls/openssl/library_places.ts";
import type { Objection } from "../config/problem.ts";
import { shellLine } from "../permissions/flags.ts";
import { type Grant, type Holds, missingGrants, surplusFlags } from "../permissions/fence.ts";
import {
  type Grants,
  grantsFor,
  keyNeeding,
  type Libraries,
  needsOf,
  type NotifySockets,
  type Surroundings,
} from "../permissions/grants.ts";
import { answersAlpn, engineOf, type Machine } from "./listener_engine.ts";

/** What the process needs for a configuration file, see `grantsFor`. */
export function neededGrants(config: Config, where: ProgramPlace): Grants {
  return grantsFor(config, { ...surroundingsOf(config, where), linked: filesBehindLink() });
}

/** What the grants depend on, beside this process. */
export interface ProgramPlace {
  readonly configFile: string;
  readonly notify?: NotifySockets | undefined;
  /** The machine that it is for, where that is another. */
  readonly platform?: Platform | undefined;
  /** The same of the program that is run. */
  readonly program?: readonly string[];
}

/** A machine, as `Deno.build` tells of it. */
export type Platform = Pick<typeof Deno.build, "os" | "arch" | "env">;

function surroundingsOf(config: Config, where: ProgramPlace): Surroundings {
  const { configFile, notify, platform, program = programFiles() } = where;
  const libraries = librariesFor(config, platform);
  // relative paths of a configuration start from its own; and the folder may be gone by a reload
  const cwd = configFile.startsWith("/") ? "/" : Deno.cwd();
  return { configFile, cwd, libraries, program, notify };
}

/** The same for this process, which may not look where libraries are. */
function surroundingsHere(config: Config, configFile: string): Surroundings {
  return surroundingsOf(config, { configFile, platform: Deno.build });
}

/**
 * Why this process cannot serve a configuration: each permission that it would need and was not
 * granted at its start, which is when a process gets its permissions.
 */
export function notPermitted(config: Config, configFile: string): readonly Objection[] {
  const surroundings = surroundingsHere(config, configFile);
  return missingGrants(needsOf(config, surroundings), holds).map((grant) => ({
    at: keyNeeding(grant, config, surroundings),
    message: `this process was started without the permission ${grant.flag}` +
      wayOut(grant, configFile),
  }));
}

/**
 * Why this process cannot reach a server that flags name; undefined where it can. A socket takes
 * rights that `deno task proxy` does not have, and that only a file's can be granted for.
 */
export function unreachableSocket({ backends }: Config): string | undefined {
  const [path] = [...backends.values()].flatMap(({ servers }) =>
    servers.flatMap(({ address }) => address.kind === "unix" ? [address.path] : [])
  ).filter((path) => !holds({ name: "read", path }) || !holds({ name: "write", path }));
  if (path === undefined) return undefined;
  const wayOut = Deno.build.standalone
    ? "build the executable anew with --config"
    : "deno task proxy:prod --config FILE grants them";
  return `unix:${path} takes the permissions --allow-read=${path} --allow-write=${path}, which this ` +
    `process was started without; say it in a file: ${wayOut}`;
}

/** `deno task proxy` may do everything but write, so it meets this at the first start. */
function wayOut({ kind }: Grant, configFile: string): string {
  if (kind !== "write") return "";
  return Deno.build.standalone
    ? "; build the executable anew with --config"
    : `; deno task proxy:prod ${shellLine(["--config", configFile])} grants exactly what it needs`;
}

/** What this process was granted beyond what the configuration needs, as flags. */
export function surplusGrants(config: Config, configFile: string): readonly string[] {
  return surplusFlags(needsOf(config, surroundingsHere(config, configFile)), holds);
}

/** The libraries that the engines call, as they would be chosen where these may be called. */
function librariesFor(config: Config, platform: Platform | undefined): Libraries {
  const places = installedPlaces(platform);
  const machine: Machine = {
    openssl: places.length === 0 ? { unavailable: notInstalled(platform?.os) } : {},
    deno: {},
  };
  const openssl = places.flatMap(({ crypto, ssl }) => [crypto, ssl]);
  const libc = libcPath(platform);
  const speaksTls = [...config.backends.values()].some(({ tls }) => tls !== undefined);
  const paths: string[] = speaksTls ? [...openssl] : [];
  for (const listener of config.listeners) {
    if (listener.kind !== "tls") continue;
    const { engine } = engineOf(listener, config, machine);
    // the library asks back which protocol it is to be
    if (engine === "openssl" && answersAlpn(listener, config)) return "any";
    paths.push(...engine === "openssl" ? openssl : libc === undefined ? [] : [libc]);
  }
  // without TLS, too, sockets are reset and steered by the C library, which OpenSSL stands on
  return paths.length === 0 && libc !== undefined ? [libc] : paths;
}

/** What this program is made of: its source, or one file where it is bundled. */
function programFiles(): readonly string[] {
  // an executable may read what is embedded in it
  if (Deno.build.standalone) return [];
  return filesOf(mainPath());
}

/** The same by their real paths, where the program is run from behind a link. */
function filesBehindLink(): readonly string[] {
  if (Deno.build.standalone) return [];
  const main = mainPath();
  const real = realPath(main);
  return real === main ? [] : filesOf(real);
}

function mainPath(): string {
  return decodeURIComponent(new URL(Deno.mainModule).pathname);
}

function filesOf(main: string): readonly string[] {
  if (!main.endsWith("/main.ts")) return [main];
  const folder = main.slice(0, -"/main.ts".length);
  return [main, `${folder}/lib`, `${folder}/deno.json`];
}

/** The path as it is where this process may not look. */
function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return path;
    throw error;
  }
}

const holds: Holds = (permission) => Deno.permissions.querySync(permission).state === "granted";
