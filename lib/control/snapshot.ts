import type {
  BackendConfig,
  Config,
  HealthConfig,
  RouteConfig,
  ServerConfig,
  TlsListenerConfig,
} from "../config/config.ts";
import { AddressSet } from "../core/address_set.ts";
import { formatAddress } from "../core/address.ts";
import type { ServerAddress } from "../core/endpoint.ts";
import type { Observer } from "../core/event.ts";
import type { Live } from "../core/live.ts";
import { names, parseTemplate } from "../http/template.ts";
import { HTTP10, HTTP11, HTTP2 } from "../http/alpn.ts";
import type { FileStamps } from "../io/file_stamp.ts";
import type { Policy } from "../proxy/policy.ts";
import { Router } from "../proxy/router.ts";
import type { Certificate } from "../certificates/certificate.ts";
import {
  type CertificateStore,
  createCertificateStore,
} from "../certificates/certificate_store.ts";
import { chooseEngine, type EngineChoice, type Need } from "../tls/choose_engine.ts";
import { denoEngine, denoEngineUnavailable } from "../tls/deno_engine.ts";
import { challengesOf } from "./acme_challenges.ts";
import type { Contents } from "./content_files.ts";
import { keepsOff, largestBody, routesOf } from "./route_targets.ts";
import { clientAuthRules, serverTls, type Trust } from "./trust.ts";
import { portKeeper } from "../ports/port_keeper.ts";
import type { TlsPolicy } from "../tls/policy.ts";
import { openSslMute, openSslUnavailable } from "../tls/openssl/library.ts";
import { opensslEngine } from "../tls/openssl_engine.ts";
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
  const key = ({ address, checked, drain: drains }: ServerConfig) => ({
    backend: name,
    queue,
    drains,
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
      const { address, weight, backup, maxConnections, drain: draining } = server;
      return {
        server: address.kind === "dns"
          ? servers.group({ ...key(server), name: address, resolve: dns })
          : servers.server({ ...key(server), endpoint: address }),
        ...{ weight, backup, maxConnections, draining },
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

/** The engines of a machine: why one cannot run there, and what it does worse there. */
export interface Machine {
  /** `mute`: why it cannot run for a listener that answers ALPN. */
  readonly openssl: {
    readonly unavailable?: string | undefined;
    readonly mute?: string | undefined;
  };
  readonly deno: { readonly unavailable?: string | undefined; readonly handicap?: string };
}

/**
 * The engine of a listener, and why.
 *
 * @param machine by default this process, as it is
 * @throws {ProxyError} `bad_config` where none can do what is asked
 */
export function engineOf(
  listener: TlsListenerConfig,
  config: Config,
  machine: Machine = thisMachine(),
): EngineChoice {
  return chooseEngine({
    wanted: listener.engine,
    needs: needsOf(listener, config),
    openssl: {
      can: opensslEngine.can,
      unavailable: machine.openssl.unavailable ??
        (answersAlpn(listener, config) ? machine.openssl.mute : undefined),
    },
    deno: { can: denoEngine.can, unavailable: undefined, ...machine.deno },
  });
}

function thisMachine(): Machine {
  const noLibrary = portKeeper().unavailable;
  return {
    openssl: { unavailable: openSslUnavailable(), mute: openSslMute() },
    deno: {
      unavailable: denoEngineUnavailable(),
      ...(noLibrary === undefined ? {} : {
        handicap: "answers of more than 16 KiB wait for acknowledgements, and clients that are " +
          `cut off keep their connections, as ${noLibrary}`,
      }),
    },
  };
}

/** The protocols that a listener offers by ALPN (RFC 7301), best first. */
export function alpnOf({ mode, http2, alpn }: TlsListenerConfig): readonly string[] {
  if (mode === "tcp") return alpn;
  return [...(http2 ? [HTTP2] : []), HTTP11, HTTP10];
}

/** Whether a listener answers ALPN, be it to a CA alone that looks whether a name is ours. */
export function answersAlpn(listener: TlsListenerConfig, config: Config): boolean {
  return alpnOf(listener).length > 0 || challengesOf(config).includes("tls-alpn-01");
}

/** What a listener asks of its clients' TLS, in the engines' words. */
export function tlsPolicyOf({ tls }: TlsListenerConfig): TlsPolicy {
  return { ...tls, minVersion: tls.minVersion === "1.3" ? "TLSv1.3" : "TLSv1.2" };
}

function needsOf(
  { mode, engine, tls, proxyProtocol }: TlsListenerConfig,
  config: Config,
): Need[] {
  // nobody asks for it where the engine that cannot was asked for
  const challenges = engine === "deno" ? [] : challengesOf(config);
  const byName = mode === "tcp" && config.routes.some(({ hosts }) => hosts.length > 0);
  const several = config.certificates.length > 1;
  const needs: (Need | false)[] = [
    several && {
      capability: "certificates_by_name",
      why: "there is more than one certificate",
      strict: true,
    },
    several && {
      capability: "resumption_by_name",
      why: "sessions are to be resumed",
      strict: false,
    },
    several && {
      capability: "hello_in_pieces",
      why: "clients whose hello comes in several packets are to be served",
      strict: false,
      grave: true,
    },
    tls.strictSni && {
      capability: "strict_sni",
      why: "unknown names are to be refused",
      strict: true,
    },
    tls.minVersion !== "1.2" && {
      capability: "min_version",
      why: "a version is asked for",
      strict: true,
    },
    proxyProtocol !== undefined && {
      capability: "proxy_header",
      why: "proxies in front tell their clients' addresses ahead of TLS",
      strict: true,
    },
    config.routes.some(({ passthrough }) => passthrough) && {
      capability: "passthrough",
      why: "TLS of some names is to stay their servers'",
      strict: true,
    },
    config.clientAuth.length > 0 && {
      capability: "client_certificates",
      why: "clients are asked for certificates",
      strict: true,
    },
    challenges[0] === "tls-alpn-01" && {
      capability: "authority_answer",
      why: "a CA looks by tls-alpn-01 whose the names are",
      strict: true,
    },
    tls.ciphers !== undefined && {
      capability: "cipher_choice",
      why: "cipher suites are chosen",
      strict: true,
    },
    tls.groups !== undefined && {
      capability: "group_choice",
      why: "groups of the key exchange are chosen",
      strict: true,
    },
    !tls.sessionTickets && {
      capability: "ticket_choice",
      why: "session tickets are switched off",
      strict: true,
    },
    byName && {
      capability: "sni_facts",
      why: "tcp connections are routed by SNI",
      strict: true,
    },
    mode === "http" && config.routes.some(namesSni) && {
      capability: "sni_facts",
      why: "{sni} in rules is to be the name of the handshake",
      strict: false,
      grave: true,
    },
    mode === "tcp" && {
      capability: "truncation_shown",
      why: "a tcp connection that is broken off must not look complete",
      strict: false,
    },
    config.log.tls && {
      capability: "protocol_facts",
      why: "protocol, cipher and SNI are to be logged",
      strict: false,
    },
  ];
  return needs.filter((need) => need !== false);
}

function namesSni({ requestHeaders, responseHeaders, redirect }: RouteConfig): boolean {
  const values = [requestHeaders, responseHeaders]
    .flatMap(({ set, add }) => [...Object.values(set), ...Object.values(add)]);
  if (redirect !== undefined) values.push(redirect.to);
  return values.some((value) => names(parseTemplate(value), "sni"));
}
