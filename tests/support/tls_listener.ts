import type { TlsListenerConfig } from "../../lib/config/config.ts";

/** A listener of TLS of which nothing else is said, with every value spelled out. */
export function tlsListener(
  said: Pick<TlsListenerConfig, "listen" | "mode" | "engine">,
): TlsListenerConfig {
  return {
    kind: "tls",
    ...said,
    http2: true,
    alpn: [],
    tls: {
      minVersion: "1.2",
      strictSni: false,
      ciphers: undefined,
      groups: undefined,
      sessionTickets: true,
    },
    proxyProtocol: undefined,
  };
}
