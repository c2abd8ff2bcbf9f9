import { namedFiles } from "../config/files.ts";
import type { KeyPath } from "../config/key_path.ts";
import type { AcmeConfig, ClusterConfig, Config, DnsConfig } from "../config/config.ts";
import { type Address, formatAddress } from "../core/address.ts";
import type { ServerAddress } from "../core/endpoint.ts";
import { ProxyError } from "../core/errors.ts";
import { networkEnds } from "../core/ip.ts";

/**
 * What a process may do, kind by kind, each entry as the runtime's flags have it. A kind without
 * entries is not granted at all; none is ever granted without bounds, but for libraries.
 */
export interface Grants {
  /** `host:port`, `[v6]:port`, a host for all its ports, or `unix:/path`; to connect and to listen. */
  readonly net: readonly string[];
  /** Absolute paths; a folder stands for all that is in it. */
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** Names of variables. */
  readonly env: readonly string[];
  readonly ffi: Libraries;
}

/**
 * Absolute paths of libraries; `any` where one of them has to call back, for which the runtime asks
 * for all. Either is given up before the first connection is served.
 */
export type Libraries = readonly string[] | "any";

/** What the grants depend on beside the configuration. */
export interface Surroundings {
  /** The YAML file; undefined where flags made the configuration. */
  readonly configFile: string | undefined;
  /** The working directory, which relative paths start from. */
  readonly cwd: string;
  /** What the engines of the listeners call. */
  readonly libraries: Libraries;
  /** The program's own files, which a worker reads anew; none for one that holds them in itself. */
  readonly program: readonly string[];
  /** The same behind a link that they are run from: some of them the runtime reads by their real path. */
  readonly linked?: readonly string[];
  /** Where the process tells a service manager how it is; undefined where there is none. */
  readonly notify: NotifySockets | undefined;
}

/** The two ends of systemd's notification protocol (sd_notify(3)), as paths. */
export interface NotifySockets {
  readonly manager: string;
  readonly own: string;
}

/** Where the service manager listens, see sd_notify(3). */
export const NOTIFY_VARIABLE = "NOTIFY_SOCKET";

/** The folder that a service may write to, see `RuntimeDirectory=` in systemd.exec(5). */
export const RUNTIME_VARIABLE = "RUNTIME_DIRECTORY";

/**
 * Exactly what the proxy needs for this configuration, from start to end and with every reload of
 * it: to listen, to connect to its servers and to read its files, each by its name. The files that
 * links lead to are not listed: the runtime asks for the path that is opened, and for no other.
 *
 * @throws {ProxyError} `bad_config` where a value cannot be written as a permission
 */
export function grantsFor(config: Config, surroundings: Surroundings): Grants {
  const { net, read, write, env, ffi } = needsOf(config, surroundings);
  return {
    net: net.map(grantableHost),
    read: read.map(grantable),
    write: write.map(grantable),
    env,
    ffi: ffi === "any" ? "any" : ffi.map(grantable),
  };
}

/**
 * The same, of whatever can be needed: some of it can only be held by a process that may do all of
 * its kind, such as to connect to a range of IPv6.
 */
export function needsOf(config: Config, surroundings: Surroundings): Grants {
  const grants = partsOf(config, surroundings).map(({ grants }) => grants);
  return {
    net: merge(grants.flatMap(({ net = [] }) => net)),
    read: withoutCovered(merge(grants.flatMap(({ read = [] }) => read))),
    write: merge(grants.flatMap(({ write = [] }) => write)),
    env: merge(grants.flatMap(({ env = [] }) => env)),
    ffi: surroundings.libraries === "any" ? "any" : merge(surroundings.libraries),
  };
}

/** One entry of what is needed. */
export interface Need {
  readonly kind: keyof Grants;
  readonly value: string;
}

/** The first key of the configuration that needs this; the root where none does. */
export function keyNeeding({ kind, value }: Need, config: Config, around: Surroundings): KeyPath {
  if (kind === "ffi") return [];
  return partsOf(config, around).find(({ grants }) => grants[kind]?.includes(value))?.key ?? [];
}

type SomeGrants = Partial<Omit<Grants, "ffi">>;

/** What a key of the configuration needs. */
interface Part {
  readonly key: KeyPath;
  readonly grants: SomeGrants;
}

function partsOf(config: Config, surroundings: Surroundings): readonly Part[] {
  const { configFile, cwd, notify, program, linked = [] } = surroundings;
  const { listeners, admin, backends, cluster, acme, log } = config;
  const part = (key: KeyPath, grants: SomeGrants): Part => ({ key, grants });
  return [
    ...listeners.map(({ listen }, index) => part(["listeners", index], listenGrants(listen))),
    ...(admin === undefined ? [] : [part(["admin"], listenGrants(admin.listen))]),
    ...[...backends].flatMap(([name, { servers, dns }]) =>
      servers.map(({ address }, index) =>
        part(["backends", name, "servers", index], serverGrants(address, dns))
      )
    ),
    ...namedFiles(config).map(({ path, at }) => part(at, { read: [absolute(path, cwd)] })),
    ...(admin?.tokenFile === undefined
      ? []
      : [part(["admin", "token_file"], { read: [absolute(admin.tokenFile, cwd)] })]),
    ...(configFile === undefined ? [] : [part([], { read: [absolute(configFile, cwd)] })]),
    part([], { read: linked }),
    ...threads(config).map((key) =>
      part(key, { read: program.map((path) => absolute(path, cwd)) })
    ),
    ...(cluster === undefined ? [] : [part(["cluster"], clusterGrants(cluster, cwd))]),
    ...(acme === undefined ? [] : [part(["acme"], acmeGrants(config, acme, cwd))]),
    ...(log.file === undefined
      ? []
      : [part(["log", "file"], { write: [absolute(log.file, cwd)] })]),
    ...(notify === undefined ? [] : [part([], notifyGrants(notify))]),
  ];
}

function listenGrants({ host, port }: Address): SomeGrants {
  return { net: [port === 0 ? anyPort(host) : formatAddress({ host, port })] };
}

/** Of a port that the system will choose only the host is known. */
function anyPort(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function serverGrants(address: ServerAddress, dns: DnsConfig): SomeGrants {
  switch (address.kind) {
    case "tcp":
      return { net: [formatAddress(address)] };
    case "unix":
      return unixGrants(address.path);
    case "dns":
      return dnsGrants(address, dns);
  }
}

/** To look the name up, and to connect to whichever addresses it may have by then. */
function dnsGrants({ host, port }: Address, { server, networks }: DnsConfig): SomeGrants {
  const ranges = networks.length === 0 ? [ANY_IPV4] : networks;
  return {
    net: [
      server === undefined ? host : formatAddress(server),
      ...ranges.map((range) => rangeOfPort(range, port)),
    ],
  };
}

/** The runtime knows ranges of IPv4 alone. */
const ANY_IPV4 = "0.0.0.0/0";

function rangeOfPort(range: string, port: number): string {
  const [first, last] = networkEnds(range) ?? [];
  if (first !== undefined && first === last) return formatAddress({ host: first, port });
  return formatAddress({ host: range, port });
}

function clusterGrants({ redis, caFile, passwordFile }: ClusterConfig, cwd: string): SomeGrants {
  const files = [caFile, passwordFile].filter((file) => file !== undefined);
  return { net: [formatAddress(redis)], read: files.map((file) => absolute(file, cwd)) };
}

/**
 * The CA's directory, the store, and each name's port to look at it as the CA will; nothing where
 * there is no certificate to get.
 */
function acmeGrants({ certificates }: Config, acme: AcmeConfig, cwd: string): SomeGrants {
  const names = certificates.flatMap((certificate) => certificate.acme ?? []);
  if (names.length === 0) return {};
  const { hostname, port } = new URL(acme.directory);
  const store = absolute(acme.store, cwd);
  const files = [acme.caFile, acme.eab?.hmacFile].filter((file) => file !== undefined);
  return {
    net: [`${hostname}:${port || "443"}`, ...names.map((name) => `${name}:80`)],
    read: [store, ...files.map((file) => absolute(file, cwd))],
    write: [store],
  };
}

function notifyGrants({ manager, own }: NotifySockets): SomeGrants {
  return { ...unixGrants(manager, own), env: [NOTIFY_VARIABLE, RUNTIME_VARIABLE] };
}

/** The runtime asks for all three of who uses a socket in the file system. */
function unixGrants(...paths: string[]): SomeGrants {
  return { net: paths.map((path) => `unix:${path}`), read: paths, write: paths };
}

/** What asks for another thread, which reads the program anew: to serve, or to check passwords. */
function threads({ workers, routes }: Config): readonly KeyPath[] {
  return [
    ...(workers === 1 ? [] : [["workers"]]),
    ...routes.flatMap(({ basicAuth }, index): KeyPath[] =>
      basicAuth === undefined ? [] : [["routes", index, "basic_auth"]]
    ),
  ];
}

/** The path from the root on, without `.` and `..`. */
function absolute(path: string, cwd: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith("/") ? path : `${cwd}/${path}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** Each once, in order, so that the same configuration always gives the same text. */
function merge(values: readonly string[]): string[] {
  return [...new Set(values)].sort();
}

function withoutCovered(paths: readonly string[]): string[] {
  return paths.filter((path) => !paths.some((other) => isInside(path, other)));
}

function isInside(path: string, folder: string): boolean {
  return path !== folder && path.startsWith(folder === "/" ? "/" : `${folder}/`);
}

/** In a flag a comma begins the next value, and nothing takes that meaning from it. */
function grantable(value: string): string {
  // deno-lint-ignore no-control-regex -- they are what is looked for
  if (!/[,\x00-\x1f\x7f]/.test(value)) return value;
  throw new ProxyError(
    "bad_config",
    `${JSON.stringify(value)} cannot be granted: no permission can hold a comma or a control ` +
      "character; give it another name",
  );
}

/** In the name of a host an asterisk would stand for many, and there are no ranges of IPv6. */
function grantableHost(value: string): string {
  if (!value.startsWith("unix:") && value.includes("*")) {
    throw new ProxyError("bad_config", `${JSON.stringify(value)} is not the name of one host`);
  }
  const range = /^\[(.*\/\d+)\]:\d+$/.exec(value)?.[1];
  if (range !== undefined) {
    throw new ProxyError(
      "bad_config",
      `${range} cannot be granted: no permission can hold a range of IPv6; name its addresses`,
    );
  }
  return grantable(value);
}
