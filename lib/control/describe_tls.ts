import type { TlsListenerConfig } from "../config/config.ts";

/** What a listener asks of TLS beyond the defaults, in words; empty where it asks nothing. */
export function describeTls({ http2, alpn, tls }: TlsListenerConfig): readonly string[] {
  const { minVersion, strictSni, ciphers, groups, sessionTickets } = tls;
  return [
    minVersion === "1.2" ? "" : `TLS ${minVersion} at the least`,
    strictSni ? "unknown names are refused" : "",
    http2 ? "" : "no HTTP/2",
    alpn.length === 0 ? "" : `ALPN ${alpn.join(", ")}`,
    ciphers === undefined ? "" : `ciphers ${ciphers.join(", ")}`,
    groups === undefined ? "" : `groups ${groups.join(", ")}`,
    sessionTickets ? "" : "no session tickets",
  ].filter((text) => text !== "");
}
