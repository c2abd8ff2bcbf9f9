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

/**
 * Reads a file that holds a secret and nothing else: blanks around it are none of it.
 *
 * @throws {ProxyError} `bad_config`, with its path, also where it holds nothing
 */
export async function readSecret(path: string): Promise<string> {
  const secret = (await readNamed(path)).trim();
  if (secret === "") throw new ProxyError("bad_config", `Cannot read ${path}: it is empty`);
  return secret;
}
