import type { Address } from "../core/address.ts";
import type { Observer } from "../observability/event.ts";
import type { CertificateStore } from "../tls/certificate_store.ts";
import type { TlsConnection, TlsEngine, TlsListener, TlsPolicy } from "../tls/engine.ts";
import type { Session, Sessions } from "./session.ts";

export interface ListenerOptions {
  readonly engine: TlsEngine;
  readonly address: Address;
  /** Whether this takes the place of a listener of this process that still has the address. */
  readonly beside: boolean;
  readonly certificates: CertificateStore;
  /** ALPN names offered. */
  readonly alpn: readonly string[];
  readonly policy: TlsPolicy;
  /** Milliseconds. */
  readonly handshakeTimeout: number;
  readonly sessions: Sessions;
  readonly observe: Observer;
  /** Serves a connection whose handshake is done. */
  readonly serve: (connection: TlsConnection) => Session;
}

/** Accepts TLS connections and gives each a session. */
export function openListener(options: ListenerOptions): Promise<TlsListener> {
  const { engine, address, beside, certificates, alpn, policy, handshakeTimeout } = options;
  const { sessions, observe } = options;
  return engine.listen({
    address,
    beside,
    certificates,
    alpn,
    policy,
    handshakeTimeout,
    onConnection: (connection) => {
      observe({ kind: "handshake", peer: connection.peer, tls: connection.tls });
      sessions.add(options.serve(connection));
    },
    onHandshakeFailure: (failure) => observe({ kind: "handshake_failed", ...failure }),
    onTrouble: (reason) => observe({ kind: "listener_trouble", listen: address, reason }),
  });
}
