import type { Address } from "../core/address.ts";
import { ProxyError } from "../core/errors.ts";
import type { Observer } from "../core/event.ts";
import type { CertificateStore } from "../certificates/certificate_store.ts";
import type { TlsConnection, TlsEngine, TlsListener } from "../tls/engine.ts";
import type { ChallengeCertificates } from "../tls/admission.ts";
import type { TlsPolicy } from "../tls/policy.ts";
import type { ConnectionLimit } from "./connection_limit.ts";
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
  readonly limit: ConnectionLimit;
  readonly sessions: Sessions;
  readonly observe: Observer;
  /** What a CA may ask for, where the engine can. */
  readonly challenge?: ChallengeCertificates;
  /** Serves a connection whose handshake is done. */
  readonly serve: (connection: TlsConnection) => Session;
}

/** Accepts TLS connections and gives each a session. */
export async function openListener(options: ListenerOptions): Promise<TlsListener> {
  const { engine, address, beside, certificates, alpn, policy, handshakeTimeout } = options;
  const { limit, sessions, observe, challenge } = options;
  const listener = await engine.listen({
    address,
    beside,
    certificates,
    alpn,
    policy,
    handshakeTimeout,
    enter: (peer) => limit.enter(peer),
    ...(challenge === undefined ? {} : { challenge }),
    onConnection: (connection, place) => {
      const { peer, tls } = connection;
      // a CA has seen what it wanted to see (RFC 8737, section 3)
      if (challenge !== undefined && tls.alpn === challenge.protocol) {
        place.leave();
        return void connection.endWrites().finally(() => connection.close());
      }
      observe({ kind: "handshake", peer, tls });
      const session = options.serve(connection);
      session.done.then(() => place.leave());
      sessions.add(session);
    },
    onHandshakeFailure: (failure) => observe({ kind: "handshake_failed", ...failure }),
    onGone: () => {
      const error = new ProxyError(
        "handshake_failed",
        "The client had gone before it was accepted",
      );
      observe({ kind: "handshake_failed", peer: undefined, sni: undefined, error });
    },
    onTrouble: (reason) =>
      observe({ kind: "listener_trouble", listen: address, reason, accepts: true }),
    onShortage: (reason) =>
      observe({ kind: "listener_trouble", listen: address, reason, accepts: false }),
    onRecovered: () => observe({ kind: "listener_recovered", listen: address }),
  });
  return {
    address: listener.address,
    refresh: () => listener.refresh(),
    settle: () => listener.settle(),
    close: async (options) => {
      await listener.close(options);
      limit.close();
    },
  };
}
