import { formatProblem } from "../config/problem.ts";
import { ProxyError } from "../core/errors.ts";
import { loadConfigFile, type LoadedFile } from "../control/load.ts";
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
  { expiredIsError, output }: { expiredIsError: boolean; output: FileOutput },
): Promise<LoadedFile & { readonly loaded: LoadedConfig }> {
  const file = await loadConfigFile(path, { now: new Date(), expiredIsError });
  for (const problem of file.problems) {
    output.tell(formatProblem(problem, file.source, { caret: output.terminal }));
  }
  const { loaded } = file;
  if (loaded !== undefined) return { ...file, loaded };
  const errors = file.problems.filter(({ severity }) => severity === "error").length;
  throw new ProxyError("bad_config", `${path} has ${errors} error${errors === 1 ? "" : "s"}`);
}
