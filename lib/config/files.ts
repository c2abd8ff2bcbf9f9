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
  const ofClients = config.clientAuth.flatMap(({ ca, crl }) => [ca, crl]);
  const ofServers = [...config.backends.values()].flatMap(({ tls }) =>
    tls === undefined ? [] : [tls.ca, tls.cert, tls.key]
  );
  const trust = [...ofClients, ...ofServers].filter((path) => path !== undefined);
  return [...new Set([...files, ...trust])];
}
