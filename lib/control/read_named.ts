import { messageOf, ProxyError } from "../core/errors.ts";
import { readTextFile } from "../io/text_file.ts";

/**
 * Reads a small file that the configuration names.
 *
 * @throws {ProxyError} `bad_config`, with its path
 */
export async function readNamed(path: string): Promise<string> {
  try {
    return await readTextFile(path);
  } catch (error) {
    throw new ProxyError("bad_config", `Cannot read ${path}: it ${messageOf(error)}`, {
      cause: error,
    });
  }
}
