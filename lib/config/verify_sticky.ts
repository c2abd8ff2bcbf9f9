import { formatAddress } from "../core/address.ts";
import { error, type Finding, warning } from "./finding.ts";
import type { Config } from "./config.ts";
import { isForTcp, isTcpAlone, tcpListener } from "./verify_tcp.ts";

/** What keeping clients at their servers takes of the rest. */
export function verifySticky(config: Config): Finding[] {
  return [...cookielessBackends(config), ...sharedCookies(config)];
}

/** Who writes `sticky` must not believe that it holds where nothing is seen of cookies. */
function cookielessBackends(config: Config): Finding[] {
  const { backends, routes } = config;
  const tcp = tcpListener(config);
  const wayOut = isTcpAlone(config)
    ? "take sticky out; balance: source_hash goes by the client's address"
    : 'paths: ["/"] on that route keeps it for http';
  return [...backends].flatMap(([name, { sticky }]): Finding[] => {
    if (sticky === undefined) return [];
    const at = ["backends", name, "sticky"];
    const passing = routes.findIndex((route) => route.backend === name && route.passthrough);
    if (passing >= 0) {
      const message = `connections of route ${passing + 1} pass through, and show no cookies: ` +
        "take sticky out, or give that route another backend";
      return [error(at, message)];
    }
    const opaque = routes.findIndex((route) => route.backend === name && isForTcp(route));
    if (tcp === undefined || opaque < 0) return [];
    const message = `in tcp mode there are no cookies, and route ${opaque + 1} leads here from ` +
      `${formatAddress(tcp.listen)}: ${wayOut}`;
    return [error(at, message)];
  });
}

/** Two backends of one host would take each other's cookies for forged, and set their own. */
function sharedCookies({ backends, routes }: Config): Finding[] {
  const uses = routes.flatMap(({ backend = "", hosts }) => {
    const cookie = backends.get(backend)?.sticky?.cookie;
    return cookie === undefined ? [] : [{ backend, hosts, cookie }];
  });
  return [...backends.keys()].flatMap((name, index): Finding[] => {
    const earlier = new Set([...backends.keys()].slice(0, index));
    const clash = uses.filter(({ backend }) =>
      backend === name
    ).flatMap((use) =>
      uses.filter(({ backend, hosts, cookie }) =>
        earlier.has(backend) && cookie === use.cookie && meet(hosts, use.hosts)
      )
    )[0];
    if (clash === undefined) return [];
    const message = `"${clash.backend}" sets the cookie ${clash.cookie} for the same host: ` +
      "give each its own, or clients keep neither server";
    return [warning(["backends", name, "sticky", "cookie"], message)];
  });
}

/** Whether a request may be for both; wildcards are told apart by their text. */
function meet(some: readonly string[], others: readonly string[]): boolean {
  if (some.length === 0 || others.length === 0) return true;
  return some.some((host) => others.includes(host));
}
