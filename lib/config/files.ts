import type { Config } from "./schema.ts";

/**
 * Every file that a configuration names for its content, each once: what is read at start and with
 * each reload, what the permission to read is for, and what is looked at for changes. A key that
 * names a file to read has its place here, and nowhere else beside.
 */
export function filesOf(config: Config): readonly string[] {
  const files = config.certificates.flatMap(({ cert, key, passphraseFile }) => [
    cert,
    key,
    ...(passphraseFile === undefined ? [] : [passphraseFile]),
  ]);
  return [...new Set(files)];
}
