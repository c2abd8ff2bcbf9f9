import { formatProblem, type Problem, sortProblems } from "../config/problem.ts";
import type { Config } from "../config/config.ts";
import { ProxyError } from "../core/errors.ts";
import { plural } from "../core/plural.ts";
import { loadConfigFile, type LoadedFile, type LoadOptions } from "../control/load.ts";
import { parseConfigFile } from "../control/parse_file.ts";
import type { LoadedConfig } from "../control/snapshot.ts";
import type { Say } from "./say.ts";

/** How a command that reads the YAML file talks to its user. */
export interface FileOutput {
  /** One line, as it is, on stderr. */
  readonly tell: Say;
  /** Whether stderr is a terminal, where a caret shows the place. */
  readonly terminal: boolean;
}

/**
 * Reads the configuration and tells every problem in it, one a line, errors first.
 *
 * @throws {ProxyError} `bad_config` where there are errors, with their count
 */
export async function readConfigFile(
  path: string,
  { output, ...options }:
    & { readonly output: FileOutput }
    & Pick<LoadOptions, "expiredIsError" | "looksForLog" | "objections">,
): Promise<LoadedFile & { readonly loaded: LoadedConfig }> {
  const file = await loadConfigFile(path, { now: new Date(), ...options });
  tellProblems(file, output);
  const { loaded } = file;
  if (loaded === undefined) throw refusalOf(path, file.problems);
  return { ...file, loaded };
}

/**
 * Reads the configuration alone, none of the files it names, and tells its errors: warnings are for
 * those commands that look at all of it.
 *
 * @throws {ProxyError} `bad_config` where there are errors, with their count
 */
export async function readConfigAlone(path: string, output: FileOutput): Promise<Config> {
  const { source, file, problems } = await parseConfigFile(path);
  const errors = sortProblems(problems.filter(isError));
  tellProblems({ source, problems: errors }, output);
  if (file.config === undefined || errors.length > 0) throw refusalOf(path, errors);
  return file.config;
}

function tellProblems(
  { source, problems }: Pick<LoadedFile, "source" | "problems">,
  output: FileOutput,
): void {
  for (const problem of problems) {
    output.tell(formatProblem(problem, source, { caret: output.terminal }));
  }
}

function refusalOf(path: string, problems: readonly Problem[]): ProxyError {
  const errors = problems.filter(isError).length;
  return new ProxyError("bad_config", `${path} has ${plural(errors, "error")}`);
}

function isError({ severity }: Problem): boolean {
  return severity === "error";
}
