/**
 * Builds executables: `deno task compile`.
 *
 * The program is bundled into one file first, with all that it imports, and the executable is made
 * of that file and of Deno's base runtime. So an executable holds what the program needs and nothing
 * of what its packages bring beside, and the bundle can be looked at and run by itself.
 *
 * Exit codes: 0 fine, 1 it cannot be built, 2 wrong flags.
 */

import { parseArgs } from "node:util";
import { readConfigAlone } from "../lib/cli/config_file.ts";
import type { BuildFacts } from "../lib/cli/version.ts";
import { neededGrants, type Platform } from "../lib/control/fence.ts";
import { messageOf, ProxyError } from "../lib/core/errors.ts";
import { permissionFlags } from "../lib/permissions/flags.ts";
import { RUNTIME_FLAGS } from "../lib/permissions/runtime_flags.ts";
import { SERVICE_SOCKETS } from "../lib/permissions/systemd.ts";
import { flagTrouble, print } from "./command_line.ts";
import { flagsOfSet } from "./permission_sets.ts";

/** Where executables can be made for. */
const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
] as const;

type Target = typeof TARGETS[number];

const HELP = `Builds an executable of the proxy

Usage: deno task compile [--config F [--systemd]] [--target T]... [--output FOLDER]

  --config F     with exactly the permissions that this configuration needs; without it with those
                 of deno task proxy, which serve any configuration
  --systemd      and with those to tell systemd that it is ready (Type=notify)
  --target T     for another machine, may repeat: ${TARGETS.join(",\n                 ")}
  --output DIR   where to: dist, or a folder below it, as the task may write nowhere else
  -h, --help     this text`;

async function main(args: string[]): Promise<number> {
  try {
    const flags = parseFlags(args);
    if (flags.help) {
      print(Deno.stdout, HELP);
      return 0;
    }
    await build(flags);
    return 0;
  } catch (error) {
    print(Deno.stderr, `compile: ${messageOf(error)}`);
    return error instanceof WrongFlags ? 2 : 1;
  }
}

interface BuildFlags {
  readonly config: string | undefined;
  readonly systemd: boolean;
  readonly targets: readonly (Target | undefined)[];
  readonly output: string;
  readonly help: boolean;
}

async function build({ config, systemd, targets, output }: BuildFlags): Promise<void> {
  const executables: { target: Target | undefined; flags: readonly string[] }[] = [];
  // ahead of what takes a while: a configuration may have mistakes
  for (const target of targets) {
    executables.push({ target, flags: await flagsFor(config, { target, systemd }) });
  }
  const folder = await makeFolder(output);
  const bundle = await bundleProgram(folder, { ...await sourceFacts(), config });
  print(Deno.stdout, `${bundle}: the program in one file`);
  for (const { target, flags } of executables) {
    const name = `${output}/tls-proxy${target === undefined ? "" : `-${target}`}`;
    await compile(bundle, { flags, name, target });
    print(Deno.stdout, `${name}: ${flags.join(" ")}`);
  }
}

/** Where what an executable is made of lies. */
async function makeFolder(output: string): Promise<string> {
  const folder = `${output}/build`;
  try {
    await Deno.mkdir(folder, { recursive: true });
    return folder;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    throw new WrongFlags(`--output ${output}: the task may write to dist and below it alone`);
  }
}

/** The program and all that it imports as one file, which knows what it was made of. */
async function bundleProgram(folder: string, facts: BuildFacts): Promise<string> {
  const program = import.meta.resolve("../lib/cli/program.ts");
  const entry = `${folder}/main.ts`;
  const bundle = `${folder}/tls-proxy.js`;
  await Deno.writeTextFile(
    entry,
    `import { runProgram } from ${JSON.stringify(program)};
await runProgram(${JSON.stringify(facts)});
`,
  );
  const { code, stderr } = await deno(["bundle", "-q", ...CONFIG, "--output", bundle, entry]);
  if (code !== 0) {
    throw new ProxyError("unavailable", `Cannot bundle the program: ${toldBy(stderr)}`);
  }
  return bundle;
}

async function compile(
  bundle: string,
  { flags, name, target }: { flags: readonly string[]; name: string; target: Target | undefined },
): Promise<void> {
  const { code, stderr } = await deno([
    ...["compile", "-q", "--no-config", "--no-lock", "--unstable-net", ...RUNTIME_FLAGS, ...flags],
    // it was checked as source: of a bundle the comments of packages would be taken for types
    "--no-check",
    ...(target === undefined ? [] : ["--target", target]),
    ...["--output", name, bundle],
  ]);
  if (code !== 0) {
    const message = explainFailure(stderr, target ?? Deno.build.target);
    throw new ProxyError("unavailable", message);
  }
}

/** What went wrong when an executable could not be made, and what to do about it: one line. */
export function explainFailure(stderr: string, target: string): string {
  const [, reason] = /^\s*\d+: (Could not find denort at .*)$/m.exec(stderr) ??
    /Setting up base binary\.\n\s*\d+: (.*)$/m.exec(stderr) ?? [];
  if (reason === undefined) return `Cannot make the executable: ${toldBy(stderr)}`;
  return `Cannot get Deno's base runtime for ${target}: ${reason}; ` +
    `take denort-${target}.zip of Deno's release v${Deno.version.deno} from another machine, ` +
    "unpack it and name the file in the variable DENORT_BIN";
}

/** What the runtime says has failed, and the last of its causes: one line, without its own stack. */
export function toldBy(stderr: string): string {
  const [shown = ""] = stderr.split(/^Stack backtrace:$/m);
  const failed = /^error: (.*)$/m.exec(shown)?.[1];
  if (failed === undefined) return shown.trim();
  const cause = shown.match(/^ +\d+: .*$/gm)?.at(-1)?.replace(/^ +\d+: /, "");
  return cause === undefined ? failed : `${failed}: ${cause}`;
}

async function flagsFor(
  config: string | undefined,
  { target, systemd }: { target: Target | undefined; systemd: boolean },
): Promise<readonly string[]> {
  // the set's folder stays relative to where the executable is started
  if (config === undefined) return ["--no-prompt", "--deny-import", ...flagsOfSet("proxy")];
  const output = { tell: (line: string) => print(Deno.stderr, line), terminal: false };
  return permissionFlags(neededGrants(await readConfigAlone(config, output), {
    configFile: config,
    notify: systemd ? SERVICE_SOCKETS : undefined,
    platform: target === undefined ? undefined : platformOf(target),
    // an executable may read what is embedded in it
    program: [],
  }));
}

function platformOf(target: Target): Platform {
  const darwin = target.endsWith("darwin");
  return {
    os: darwin ? "darwin" : "linux",
    arch: target.startsWith("aarch64") ? "aarch64" : "x86_64",
    ...(darwin ? {} : { env: "gnu" }),
  };
}

/** Of which commit; unknown where there is no Git or no repository. */
async function sourceFacts(): Promise<Omit<BuildFacts, "config">> {
  const commit = await git("rev-parse", "--short=12", "HEAD");
  if (commit === undefined) return { commit: undefined, date: undefined };
  const changed = await git("status", "--porcelain", "--untracked-files=no");
  return {
    commit: changed === "" ? commit : `${commit}-dirty`,
    date: await git("show", "-s", "--format=%cI", "HEAD"),
  };
}

async function git(...args: string[]): Promise<string | undefined> {
  try {
    const { code, stdout } = await new Deno.Command("git", { args, cwd: ROOT }).output();
    return code === 0 ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

const ROOT = decodeURIComponent(new URL("..", import.meta.url).pathname);
const CONFIG = ["--config", `${ROOT}deno.json`, "--frozen"];

async function deno(args: string[]): Promise<{ code: number; stderr: string }> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    env: { NO_COLOR: "1" },
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

/** The command line makes no sense. */
class WrongFlags extends Error {}

function parseFlags(args: string[]): BuildFlags {
  const values = parse(args);
  const targets = (values.target ?? []).map((name) => {
    const target = TARGETS.find((known) => known === name);
    if (target !== undefined) return target;
    throw new WrongFlags(`There is no target ${name}; there are ${TARGETS.join(", ")}`);
  });
  if (values.systemd === true && values.config === undefined) {
    throw new WrongFlags("--systemd goes with --config");
  }
  return {
    config: values.config,
    systemd: values.systemd ?? false,
    targets: targets.length === 0 ? [undefined] : targets,
    output: values.output ?? "dist",
    help: values.help ?? false,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        config: { type: "string" },
        systemd: { type: "boolean" },
        target: { type: "string", multiple: true },
        output: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new WrongFlags(`${flagTrouble(error)}; see deno task compile --help`);
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
