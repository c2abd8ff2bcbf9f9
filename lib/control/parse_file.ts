import type { ParsedFile } from "../config/parse.ts";
import type { Problem, SourceFile } from "../config/problem.ts";
import { verifyConfig } from "../config/verify.ts";
import { messageOf, ProxyError } from "../core/errors.ts";
import { readTextFile } from "../io/text_file.ts";

/** A configuration file by itself, before anything that it names is looked at. */
export interface ParsedConfigFile {
  readonly source: SourceFile;
  readonly file: ParsedFile;
  readonly problems: Problem[];
}

/**
 * Reads a configuration file and opens none of those it names.
 *
 * @throws {ProxyError} `bad_config` where it cannot be read
 */
export async function parseConfigFile(path: string): Promise<ParsedConfigFile> {
  const source = { path, text: await readSource(path) };
  // with flags alone nobody needs the YAML library, which takes a tenth of the start
  const { parseConfig } = await import("../config/parse.ts");
  const file = parseConfig(source);
  const found = file.draft === undefined ? [] : verifyConfig(file.draft, file);
  return { source, file, problems: [...file.problems, ...found] };
}

async function readSource(path: string): Promise<string> {
  try {
    return await readTextFile(path, { strict: true });
  } catch (error) {
    const message = `Cannot read the configuration ${path}: it ${messageOf(error)}${
      seenFrom(path)
    }`;
    throw new ProxyError("bad_config", message, { cause: error });
  }
}

/** Where a relative path was looked for: `deno task` changes to the folder of the project. */
function seenFrom(path: string): string {
  if (path.startsWith("/")) return "";
  try {
    return ` (seen from ${Deno.cwd()})`;
  } catch {
    // it is gone, or may not be asked for
    return "";
  }
}
