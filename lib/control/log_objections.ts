import { dirname, normalize } from "node:path/posix";
import { filesOf } from "../config/files.ts";
import type { Config } from "../config/config.ts";
import type { KeyPath } from "../config/key_path.ts";
import type { Objection } from "../config/problem.ts";
import { serviceFiles } from "./service_files.ts";

/**
 * A log that would be written over what is read.
 *
 * @param path of the configuration itself
 */
export function logOverInput(config: Config, path: string): Objection[] {
  const log = config.log.file;
  if (log === undefined) return [];
  const inputs = [path, ...filesOf(config), ...serviceFiles(config).map(({ path }) => path)];
  const read = inputs.find((input) => normalize(input) === normalize(log));
  if (read === undefined) return [];
  const message = `the log would be written into ${read}, which is read`;
  return [{ at: LOG_FILE, message }];
}

/**
 * A log that could not be opened, as far as that shows: no error, as who starts the proxy may make
 * its folder first.
 */
export async function shutLog({ log: { file } }: Config): Promise<Objection[]> {
  if (file === undefined) return [];
  const folder = dirname(file);
  const isFolder = await whetherFolder(file);
  const message = isFolder === true
    ? `${file} is a folder: the log cannot be opened`
    : isFolder === undefined && await whetherFolder(folder) === undefined
    ? `the folder ${folder} does not exist: the log cannot be opened without it`
    : undefined;
  return message === undefined ? [] : [{ at: LOG_FILE, message }];
}

const LOG_FILE: KeyPath = ["log", "file"];

/** @returns undefined where there is nothing */
async function whetherFolder(path: string): Promise<boolean | undefined> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? undefined : false;
  }
}
