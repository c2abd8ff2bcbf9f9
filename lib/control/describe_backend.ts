import type {
  BackendConfig,
  BackendTlsConfig,
  HealthConfig,
  ServerConfig,
  StickyConfig,
} from "../config/config.ts";
import { formatServerAddress } from "../core/endpoint.ts";
import { agreeing, plural } from "../core/plural.ts";

/** What a backend does, for a person. */
export interface BackendDescription {
  /** Each with what sets it apart from the others. */
  readonly servers: readonly string[];
  readonly balance: string;
  /** How clients keep their servers; undefined where they do not. */
  readonly sticky?: string;
  readonly health: string;
  /** What its servers are spoken to by; undefined for HTTP/1.1. */
  readonly protocol?: string;
  /** How its servers are told of clients ahead of everything else; undefined where they are not. */
  readonly proxyProtocol?: string;
  /** How its servers are spoken TLS to; undefined for plain text. */
  readonly tls?: string;
}

export function describeBackend(backend: BackendConfig): BackendDescription {
  const { servers, balance, sticky, health, protocol, proxyProtocol, tls } = backend;
  return {
    servers: servers.map(describeServer),
    balance,
    ...(sticky === undefined ? {} : { sticky: describeSticky(sticky) }),
    health: describeHealth(health),
    ...(protocol === "http1" ? {} : { protocol: PROTOCOLS[protocol] }),
    ...(proxyProtocol === "none" ? {} : { proxyProtocol: `PROXY header ${proxyProtocol}` }),
    ...(tls === undefined ? {} : { tls: describeTls(tls) }),
  };
}

const PROTOCOLS = {
  h2: "HTTP/2",
  auto: "HTTP/2 or HTTP/1.1, as each server chooses by ALPN",
} as const;

function describeSticky({ cookie, ttl }: StickyConfig): string {
  return `by the cookie ${cookie}, which lasts ${ttl / 1000} s and is renewed before half of that`;
}

function describeTls({ ca, name, cert, verify }: BackendTlsConfig): string {
  const shown = cert === undefined ? [] : [`shows ${cert}`];
  if (!verify) return ["not verified", ...shown].join(", ");
  const by = ca === undefined ? "the system's authorities" : ca;
  return [`verified by ${by} as ${name ?? "its own host"}`, ...shown].join(", ");
}

function describeServer({ address, ...rest }: ServerConfig): string {
  const notes = [
    ...(rest.weight === 1 ? [] : [`weight ${rest.weight}`]),
    ...(rest.backup ? ["backup"] : []),
    ...(rest.maxConnections === 0 ? [] : [`at most ${rest.maxConnections} at once`]),
    ...(rest.drain ? ["draining"] : []),
    ...(rest.checked ? [] : ["not checked"]),
  ];
  const name = formatServerAddress(address);
  return notes.length === 0 ? name : `${name} (${notes.join(", ")})`;
}

function describeHealth(health: HealthConfig): string {
  if (health.type === "none") return "no checks, only what becomes of requests";
  const { interval, rise, fall } = health;
  const what = health.type === "tcp"
    ? "a connection"
    : health.type === "grpc"
    ? `grpc.health.v1 for ${health.service === "" ? "the server" : health.service}`
    : `${health.method} ${health.path}`;
  const out = `${plural(fall, "failure")} ${agreeing(fall, "takes", "take")} out`;
  const back = `${rise} ${agreeing(rise, "brings", "bring")} back`;
  return `${what} every ${interval / 1000} s, ${out}, ${back}`;
}
