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
    tls === undefined ? [] : [tls.ca, tls.cert, tls.key, tls.passphraseFile]
  );
  const ofRoutes = config.routes.flatMap(({ respond, basicAuth }) => [
    respond?.file,
    basicAuth?.file,
  ]);
  const more = [...ofClients, ...ofServers, ...ofRoutes, ...config.errorPages.values()].filter((
    path,
  ) => path !== undefined);
  return [...new Set([...files, ...more])];
}
