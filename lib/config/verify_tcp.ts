import { formatAddress } from "../core/address.ts";
import { isUnconditional } from "../http/conditions.ts";
import { error, type Finding, warning } from "./finding.ts";
import type { Config, ListenerConfig, RouteConfig } from "./config.ts";

/** A listener whose connections are not looked into, where there is one. */
export function tcpListener({ listeners }: Config): ListenerConfig | undefined {
  return listeners.find(isTcp);
}

/** Whether nothing is served but connections that are not looked into: no request goes by routes. */
export function isTcpAlone({ listeners }: Config): boolean {
  return listeners.every((listener) =>
    isTcp(listener) || listener.kind === "redirect" && listener.except.length === 0
  );
}

/** Whether a connection that is not looked into may go by a route. */
export function isForTcp({ paths, conditions }: RouteConfig): boolean {
  return paths.length === 0 && isUnconditional(conditions);
}

/** Whether connections of a listener are not looked into. */
function isTcp(listener: ListenerConfig): boolean {
  return listener.kind === "tls" && listener.mode === "tcp";
}

/** Routes that are for requests, where there are none. */
export function verifyTcpRoutes(config: Config): Finding[] {
  if (tcpListener(config) === undefined || !isTcpAlone(config)) return [];
  return config.routes.flatMap(({ paths, conditions, passthrough, redirect, respond }, index) => {
    // what it has beside a backend is an error anyway
    if (passthrough) return [];
    const asked: readonly (readonly [key: string, isAsked: boolean, what: string])[] = [
      ["paths", paths.length > 0, "paths"],
      ["methods", conditions.methods.length > 0, "methods"],
      ["headers", Object.keys(conditions.headers).length > 0, "header fields"],
    ];
    const findings = asked.flatMap(([key, isAsked, what]) =>
      isAsked
        ? [warning(["routes", index, key], `in tcp mode there are no ${what}: it never matches`)]
        : []
    );
    if (findings.length > 0) return findings;
    const key = redirect !== undefined ? "redirect" : respond !== undefined ? "respond" : undefined;
    const message = "in tcp mode nothing is answered: a connection that goes by it is closed";
    return key === undefined ? [] : [warning(["routes", index, key], message)];
  });
}

/**
 * Rules that say who may, of routes that connections in tcp mode go by too, for which nobody asks
 * them. An error, as who writes `allow` must not believe that it holds.
 */
export function verifyTcpRules(config: Config): Finding[] {
  const tcp = tcpListener(config);
  if (tcp === undefined) return [];
  const wayOut = isTcpAlone(config)
    ? "take it out"
    : 'paths: ["/"] on this route keeps it for http';
  return config.routes.flatMap((route, index) => {
    if (route.backend === undefined || route.passthrough || !isForTcp(route)) return [];
    return ACCESS_KEYS.map((key) => {
      const message = `"${key}" cannot hold for what comes in tcp mode from ` +
        `${formatAddress(tcp.listen)}: ${wayOut}`;
      return error(["routes", index, key], message);
    });
  });
}

/** What says who may. */
const ACCESS_KEYS = ["allow", "deny", "rate_limit", "basic_auth"];
