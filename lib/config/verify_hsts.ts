import { formatAddress } from "../core/address.ts";
import { type Finding, warning } from "./finding.ts";
import type { Config, RouteConfig } from "./config.ts";

/**
 * Routes that tell browsers to come by TLS alone (RFC 6797), where a listener without TLS serves
 * them too: it must not tell so there, browsers do not heed it there, and go on without TLS.
 */
export function verifyHsts({ listeners, routes }: Config): Finding[] {
  const plain = listeners.find(({ kind }) => kind === "plain");
  const hasTls = listeners.some((listener) => listener.kind === "tls" && listener.mode === "http");
  if (plain === undefined || !hasTls) return [];
  return routes.flatMap((route, index): Finding[] => {
    if (!asksForTls(route) || route.redirect?.to.startsWith("https://")) return [];
    const message = `${formatAddress(plain.listen)} serves this route without TLS, where ` +
      "Strict-Transport-Security means nothing: " +
      'write "redirect: https" there in the place of "tls: false"';
    return [warning(["routes", index, "response_headers"], message)];
  });
}

function asksForTls({ responseHeaders: { set, add } }: RouteConfig): boolean {
  return [...Object.keys(set), ...Object.keys(add)].some((name) =>
    name.toLowerCase() === "strict-transport-security"
  );
}
