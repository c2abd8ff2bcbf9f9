import type { Address } from "../core/address.ts";
import type { AddressSet } from "../core/address_set.ts";
import type { Observer } from "../core/event.ts";
import type { CertificateStore } from "../certificates/certificate_store.ts";
import type { Listener } from "../ports/listener.ts";
import type { TlsConnection, TlsEngine } from "../tls/engine.ts";
import type { ChallengeCertificates } from "../tls/admission.ts";
import type { TicketKeys } from "../tls/openssl/ticket_keys.ts";
import type { TlsPolicy } from "../tls/policy.ts";
import type { Connection } from "../io/connection.ts";
import type { Admission } from "../tls/admission.ts";
import type { ClientHello } from "../tls/client_hello.ts";
import type { ConnectionLimit } from "./connection_limit.ts";
import { ListenerSessions, type Session, type Sessions } from "./session.ts";

export interface ListenerOptions {
  readonly engine: TlsEngine;
  readonly address: Address;
  /** Whether this takes the place of a listener of this process that still has the address. */
  readonly beside: boolean;
  /** Settles when it may begin to accept, with whether it is to; undefined for at once. */
  readonly begins: Promise<boolean> | undefined;
  readonly certificates: CertificateStore;
  /** ALPN names offered. */
  readonly alpn: readonly string[];
  readonly policy: TlsPolicy;
  /** Decides on a ClientHello. */
  readonly admit: (hello: ClientHello) => Admission;
  /** The proxies in front, each of whose connections begins with a PROXY header. */
  readonly proxies: AddressSet;
  /** What session tickets are sealed with. */
  readonly tickets: TicketKeys;
  /** Milliseconds. */
  readonly handshakeTimeout: number;
  readonly limit: ConnectionLimit;
  readonly sessions: Sessions;
  readonly observe: Observer;
  /** What a CA may ask for, where the engine can. */
  readonly challenge?: ChallengeCertificates;
  /** Serves a connection whose handshake is done. */
  readonly serve: (connection: TlsConnection) => Session;
  /** Serves a connection whose TLS is a server's. @param sni the name it is for */
  readonly pass: (connection: Connection, sni: string | undefined) => Session;
}

/** Accepts TLS connections and gives each a session. */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const { engine, address, beside, begins, certificates, alpn, policy, tickets } = options;
  const { handshakeTimeout } = options;
  const { admit, proxies, limit, sessions, observe, challenge } = options;
  const served = new ListenerSessions();
  const listener = await engine.listen({
    address,
    beside,
    begins,
    certificates,
    alpn,
    policy,
    admit,
    proxies,
    tickets,
    handshakeTimeout,
    enter: (peer) => limit.enter(peer),
    enterUnnamed: (peer) => limit.enterUnnamed(peer),
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
      served.add(session);
    },
    onPassthrough: (connection, { sni }, place) => {
      observe({ kind: "passthrough", peer: connection.peer, sni });
      const session = options.pass(connection, sni);
      session.done.then(() => place.leave());
      sessions.add(session);
    },
    onHandshakeFailure: (failure) => observe({ kind: "handshake_failed", ...failure }),
    onGone: () => observe({ kind: "probed", listen: address }),
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
    close: async () => {
      served.retire();
      await listener.close();
      limit.close();
    },
    arrived: () => listener.arrived(),
    cutArriving: () => listener.cutArriving(),
  };
}
