import type { KeyPath } from "./key_path.ts";
import type { Config } from "./config.ts";

/** A file that a configuration names for its content. */
export interface NamedFile {
  readonly path: string;
  /** The key that names it. */
  readonly at: KeyPath;
}

/**
 * Every file that a configuration names for its content: what is read at start and with each reload,
 * what the permission to read is for, and what is looked at for changes. A key that names a file to
 * read has its place here, and nowhere else beside.
 */
export function namedFiles(config: Config): readonly NamedFile[] {
  const { certificates, clientAuth, backends, routes, errorPages } = config;
  const named = (path: string | undefined, ...at: KeyPath): NamedFile[] =>
    path === undefined ? [] : [{ path, at }];
  return [
    ...certificates.flatMap(({ cert, key, passphraseFile }, index) => [
      ...named(cert, "certificates", index, "cert"),
      ...named(key, "certificates", index, "key"),
      ...named(passphraseFile, "certificates", index, "passphrase_file"),
    ]),
    ...clientAuth.flatMap(({ ca, crl }, index) => [
      ...named(ca, "client_auth", index, "ca"),
      ...named(crl, "client_auth", index, "crl"),
    ]),
    ...[...backends].flatMap(([name, { tls }]) => [
      ...named(tls?.ca, "backends", name, "tls", "ca"),
      ...named(tls?.cert, "backends", name, "tls", "cert"),
      ...named(tls?.key, "backends", name, "tls", "key"),
      ...named(tls?.passphraseFile, "backends", name, "tls", "passphrase_file"),
    ]),
    ...routes.flatMap(({ respond, basicAuth }, index) => [
      ...named(respond?.file, "routes", index, "respond", "file"),
      ...named(basicAuth?.file, "routes", index, "basic_auth", "file"),
    ]),
    ...[...errorPages].flatMap(([status, path]) => named(path, "error_pages", String(status))),
  ];
}

/** The same as paths, each once. */
export function filesOf(config: Config): readonly string[] {
  return [...new Set(namedFiles(config).map(({ path }) => path))];
}
