import type {
  BackendConfig,
  Config,
  HealthConfig,
  RouteConfig,
  ServerConfig,
} from "../config/config.ts";
import { AddressSet } from "../core/address_set.ts";
import { formatAddress } from "../core/address.ts";
import type { ServerAddress } from "../core/endpoint.ts";
import type { Observer } from "../core/event.ts";
import type { Live } from "../core/live.ts";
import type { FileStamps } from "../io/file_stamp.ts";
import type { Policy } from "../proxy/policy.ts";
import { Router } from "../proxy/router.ts";
import type { Certificate } from "../certificates/certificate.ts";
import {
  type CertificateStore,
  createCertificateStore,
} from "../certificates/certificate_store.ts";
import type { Contents } from "./content_files.ts";
import { keepsOff, largestBody, routesOf } from "./route_targets.ts";
import { clientAuthRules, serverTls, type Trust } from "./trust.ts";
import { Backend, type BackendOptions } from "../upstream/backend.ts";
import { createBalancer } from "../upstream/balancer/create_balancer.ts";
import type { HealthSettings } from "../upstream/server.ts";
import type { StagedServers } from "../upstream/server_registry.ts";
import type { StickyKeys } from "../upstream/sticky_cookie.ts";

/** A configuration with its certificates read: all that serving takes, in one immutable value. */
export interface LoadedConfig {
  readonly config: Config;
  /** One for each of `config.certificates`, in its order. */
  readonly certificates: readonly Certificate[];
  /** What answers, pages and passwords are in its files. */
  readonly contents: Contents;
  /** What it says of whom to trust. */
  readonly trust: Trust;
  /** The files that it was read from, as each stood before. */
  readonly stamps: FileStamps;
}

/**
 * The certificates of a configuration, by name.
 *
 * @throws {RangeError} where it has none, as one without a TLS listener may
 */
export function certificateStore({ config, certificates }: LoadedConfig): CertificateStore {
  return createCertificateStore(
    certificates.map((certificate, index) => {
      const { hosts, default: byDefault } = config.certificates[index] ?? {};
      return {
        certificate,
        ...(hosts === undefined ? {} : { hosts }),
        ...(byDefault === undefined ? {} : { default: byDefault }),
      };
    }),
  );
}

/**
 * How many threads serve: one for each core that this process may use, unless a number is given.
 * Only Linux spreads the connections to an address over several sockets.
 */
export function workersOf({ workers }: Config): number {
  if (workers !== "auto") return workers;
  return Deno.build.os === "linux" ? navigator.hardwareConcurrency : 1;
}

/** Whether any route asks clients for a password. */
export function asksForPasswords({ routes }: Config): boolean {
  return routes.some(({ basicAuth }) => basicAuth !== undefined);
}

/** The routes of a configuration, as it has them. */
export function routerOf({ routes }: Config): Router<RouteConfig> {
  return new Router(
    routes.map((route) => ({ ...route, isGuard: keepsOff(route), target: route })),
  );
}

/** What sessions are to go by. */
export function policyOf(
  loaded: LoadedConfig,
  { servers, observe, stickyKeys }: {
    servers: StagedServers;
    observe: Observer;
    stickyKeys: Live<StickyKeys>;
  },
): Policy {
  const { config } = loaded;
  const backends = new Map([...config.backends].map(([name, backend]) => [
    name,
    new Backend(backendOptions(name, { backend, loaded, servers, stickyKeys }), observe),
  ]));
  const { contents } = loaded;
  return {
    router: new Router(routesOf(config, { backends, contents })),
    errorPages: new Map(
      [...config.errorPages].map(([status, path]) => [status, contents.get(path) ?? NO_PAGE]),
    ),
    certificates: loaded.certificates.length === 0 ? undefined : certificateStore(loaded),
    clientAuth: clientAuthRules(loaded),
    limits: { ...config.limits, body: largestBody(config) },
    forwarded: { ...config.forwarded, trusted: new AddressSet(config.forwarded.trusted) },
    timeouts: config.timeouts,
  };
}

const NO_PAGE = new Uint8Array(0);

function backendOptions(
  name: string,
  { backend, loaded, servers, stickyKeys }: {
    backend: BackendConfig;
    loaded: LoadedConfig;
    servers: StagedServers;
    stickyKeys: Live<StickyKeys>;
  },
): BackendOptions {
  const { config } = loaded;
  const { dns, queue, timeouts } = backend;
  const proxyProtocol = backend.proxyProtocol === "none" ? undefined : backend.proxyProtocol;
  const tls = serverTls(name, loaded);
  const limits = {
    headerBytes: backend.limits.headerBytes ?? config.limits.headerBytes,
    headers: backend.limits.headers ?? config.limits.headers,
  };
  const key = ({ address, checked, drain: drains, maxConnections }: ServerConfig) => ({
    ...{ backend: name, queue, drains, maxConnections },
    settings: {
      pool: backend.pool,
      health: checked ? healthSettings(backend.health, address) : undefined,
      ejection: backend.ejection,
      slowStart: backend.slowStart,
      protocol: backend.protocol,
      proxyProtocol,
      tls,
      limits,
    },
  });
  return {
    name,
    servers: backend.servers.map((server) => {
      const { address, weight, backup, drain: draining } = server;
      return {
        server: address.kind === "dns"
          ? servers.group({ ...key(server), name: address, resolve: dns })
          : servers.server({ ...key(server), endpoint: address }),
        ...{ weight, backup, draining },
      };
    }),
    balancer: createBalancer(backend.balance),
    room: servers.room({ backend: name, queue }),
    connectTimeout: timeouts.connect,
    responseTimeout: timeouts.response,
    retries: backend.retries,
    minHealthy: backend.ejection.minHealthy / 100,
    whenDown: backend.whenDown,
    retryAfter: retryAfter(backend),
    sticky: backend.sticky && { ...backend.sticky, keys: stickyKeys },
    proxyProtocol,
    answerIdle: timeouts.idle ?? config.timeouts.bodyIdle,
    limits,
  };
}

function healthSettings(health: HealthConfig, address: ServerAddress): HealthSettings | undefined {
  if (health.type === "none") return undefined;
  const { type, interval, fastInterval, timeout, rise, fall } = health;
  const { service, method, path, expect, body } = health;
  const host = health.host ?? (address.kind === "unix" ? "localhost" : formatAddress(address));
  return {
    ...{ interval, fastInterval, timeout, rise, fall },
    probe: type === "tcp"
      ? { type }
      : type === "grpc"
      ? { type, service, host }
      : { type, method, path, host, expect, body },
  };
}

/** Seconds until the next look at a server, which may find it well. */
function retryAfter({ health, ejection }: BackendConfig): number {
  const next = health.type === "none" ? ejection.time : health.interval;
  return Math.min(60, Math.max(1, Math.ceil(next / 1000)));
}
