import type { Address } from "../core/address.ts";
import type { Observer } from "../observability/event.ts";
import type { CertificateStore } from "../tls/certificate_store.ts";
import type { TlsConnection, TlsEngine, TlsListener } from "../tls/engine.ts";
import type { Session, Sessions } from "./session.ts";

export interface ListenerOptions {
  readonly engine: TlsEngine;
  readonly address: Address;
  readonly certificates: CertificateStore;
  /** ALPN names offered. */
  readonly alpn: readonly string[];
  /** Milliseconds. */
  readonly handshakeTimeout: number;
  readonly sessions: Sessions;
  readonly observe: Observer;
  /** Serves a connection whose handshake is done. */
  readonly serve: (connection: TlsConnection) => Session;
}

/** Accepts TLS connections and gives each a session. */
export function openListener(options: ListenerOptions): Promise<TlsListener> {
  const { engine, address, certificates, alpn, handshakeTimeout, sessions, observe } = options;
  return engine.listen({
    address,
    certificates,
    alpn,
    handshakeTimeout,
    onConnection: (connection) => {
      observe({ kind: "handshake", peer: connection.peer, tls: connection.tls });
      sessions.add(options.serve(connection));
    },
    onHandshakeFailure: (failure) => observe({ kind: "handshake_failed", ...failure }),
    onTrouble: (reason) => observe({ kind: "listener_trouble", listen: address, reason }),
  });
}
