import type { Contender } from "./contender.ts";
import type { Processes } from "./processes.ts";

/** Behind the name of what is missing. */
export const NOT_INSTALLED = "is not installed (see scripts/install_peers)";

/** @returns where to find it and its version; undefined where it is not installed */
export async function findProgram(
  processes: Processes,
  { programs, versionFlags }: Contender,
): Promise<{ program: string; version: string } | undefined> {
  for (const program of programs) {
    const version = await versionOf(processes, [program, ...versionFlags]);
    if (version !== undefined) return { program, version };
  }
  return undefined;
}

/** What looks like a version in a command's output; undefined where there is no such command. */
async function versionOf(
  processes: Processes,
  command: readonly string[],
): Promise<string | undefined> {
  try {
    const output = await processes.run(command);
    return /\d+\.\d+(\.\d+)*/.exec(output)?.[0] ?? "of unknown version";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** A contender that is installed. */
export interface Candidate {
  readonly contender: Contender;
  readonly program: string;
}

export interface Programs {
  readonly found: readonly Candidate[];
  /** Why some contenders are missing. */
  readonly skipped: readonly string[];
  /** By product. */
  readonly versions: ReadonlyMap<string, string>;
}

/** @throws {Error} where a tool that nothing works without is missing */
export async function findPrograms(
  processes: Processes,
  contenders: readonly Contender[],
): Promise<Programs> {
  const found: Candidate[] = [];
  const skipped: string[] = [];
  const versions = new Map<string, string>();
  for (const contender of contenders) {
    const { name, product } = contender;
    const at = await findProgram(processes, contender);
    if (at === undefined) {
      skipped.push(`${name} is left out: ${product} ${NOT_INSTALLED}`);
      continue;
    }
    found.push({ contender, program: at.program });
    versions.set(product, at.version);
  }
  for (const [product, flag] of [["h2load", "--version"], ["openssl", "version"]] as const) {
    const version = await versionOf(processes, [product, flag]);
    if (version === undefined) {
      throw new Error(`${product} ${NOT_INSTALLED}`);
    }
    versions.set(product, version);
  }
  return { found, skipped, versions };
}
