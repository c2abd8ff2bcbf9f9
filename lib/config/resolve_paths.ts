import { normalize } from "node:path/posix";
import type * as z from "zod";
import { certificateFiles } from "../acme/store_layout.ts";
import type { BackendTlsConfig, Config } from "./config.ts";
import type { YAML_SCHEMA } from "./yaml_schema.ts";

/** What a file says as a configuration: relative paths in it are relative to the file. */
export function resolvePaths(data: z.output<typeof YAML_SCHEMA>, file: string): Config {
  const slash = file.lastIndexOf("/");
  const folder = slash < 0 ? "" : file.slice(0, slash + 1);
  const resolve = (path: string) => withoutParents(path.startsWith("/") ? path : folder + path);
  return {
    ...data,
    clientAuth: data.clientAuth.map(({ ca, crl, ...rest }) => ({
      ...rest,
      ca: resolve(ca),
      crl: crl && resolve(crl),
    })),
    certificates: data.certificates.map((certificate) => ({
      ...certificate,
      ...(certificate.acme === undefined
        ? { cert: resolve(certificate.cert), key: resolve(certificate.key) }
        : certificateFiles(resolve(data.acme?.store ?? ""), certificate.acme)),
      passphraseFile: certificate.passphraseFile && resolve(certificate.passphraseFile),
    })),
    cluster: data.cluster && {
      ...data.cluster,
      caFile: data.cluster.caFile && resolve(data.cluster.caFile),
      passwordFile: data.cluster.passwordFile && resolve(data.cluster.passwordFile),
    },
    acme: data.acme && {
      ...data.acme,
      store: resolve(data.acme.store),
      caFile: data.acme.caFile && resolve(data.acme.caFile),
      eab: data.acme.eab && { ...data.acme.eab, hmacFile: resolve(data.acme.eab.hmacFile) },
    },
    backends: new Map(
      Object.entries(data.backends).map(([name, { tls, ...backend }]) => [
        name,
        { ...backend, tls: tls && withPaths(tls, resolve) },
      ]),
    ),
    routes: data.routes.map((route) => ({
      ...route,
      respond: route.respond && {
        ...route.respond,
        file: route.respond.file && resolve(route.respond.file),
      },
      basicAuth: route.basicAuth && { ...route.basicAuth, file: resolve(route.basicAuth.file) },
    })),
    errorPages: new Map(
      Object.entries(data.errorPages).map(([status, page]) => [Number(status), resolve(page)]),
    ),
    log: { ...data.log, file: data.log.file && resolve(data.log.file) },
    admin: data.admin && {
      ...data.admin,
      tokenFile: data.admin.tokenFile && resolve(data.admin.tokenFile),
    },
  };
}

function withPaths(tls: BackendTlsConfig, resolve: (path: string) => string): BackendTlsConfig {
  const { ca, cert, key, passphraseFile } = tls;
  return {
    ...tls,
    ca: ca && resolve(ca),
    cert: cert && resolve(cert),
    key: key && resolve(key),
    passphraseFile: passphraseFile && resolve(passphraseFile),
  };
}

/**
 * A path as it is granted: a process that may read single files has the runtime take `folder/..` out
 * of a path before it is opened, also where the folder is a link to one elsewhere. So it is taken out
 * for all, and `check` sees what will be served.
 */
function withoutParents(path: string): string {
  return path.split("/").includes("..") ? normalize(path) : path;
}
