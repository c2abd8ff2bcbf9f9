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

/** What looks at requests, of routes that no request is for: nothing but such connections comes. */
export function verifyTcpRoutes(config: Config): Finding[] {
  if (tcpListener(config) === undefined || !isTcpAlone(config)) return [];
  return config.routes.flatMap(({ passthrough }, index) =>
    passthrough
      ? []
      : Object.entries(REQUEST_KEYS).flatMap(([message, keys]) =>
        keys.map((key) =>
          warning(["routes", index, key], `in tcp mode ${message.replace("KEY", key)}`)
        )
      )
  );
}

/** What they would have done, by what is to be said of it. */
const REQUEST_KEYS: Readonly<Record<string, readonly string[]>> = {
  "there are no paths: it never matches": ["paths"],
  "there are no requests: it never matches": ["methods", "headers"],
  "nothing is answered: its connections are closed": ["redirect", "respond"],
  '"KEY" means nothing': [
    ...["strip_prefix", "request_headers", "response_headers", "limits", "compress"],
  ],
};

/** What says who may. */
const ACCESS_KEYS = ["allow", "deny", "rate_limit", "basic_auth"];
