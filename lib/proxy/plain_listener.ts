import { acceptAll } from "../ports/accept_loop.ts";
import { type Address, toAddress } from "../core/address.ts";
import { SocketConnection } from "../io/socket_connection.ts";
import { PrefixedSocket } from "../io/prefixed_socket.ts";
import type { AddressSet } from "../core/address_set.ts";
import type { Observer } from "../core/event.ts";
import { endsOf } from "../ports/own_sockets.ts";
import { UnnamedConnections } from "../ports/proxied_start.ts";
import type { ProxiedOrigin } from "../ports/proxy_header.ts";
import type { Listener } from "../ports/listener.ts";
import type { Place } from "../ports/place.ts";
import { claimAddress, openTcp, portKeeper } from "../ports/port_keeper.ts";
import type { ConnectionLimit } from "./connection_limit.ts";
import type { HttpConnection } from "./http_connection.ts";
import { ListenerSessions, type Session, type Sessions } from "./session.ts";

export interface PlainListenerOptions {
  readonly address: Address;
  /** Whether this takes the place of a listener of this process that still has the address. */
  readonly beside: boolean;
  /** Settles when it may begin to accept, with whether it is to; undefined for at once. */
  readonly begins: Promise<boolean> | undefined;
  /** The proxies in front, each of whose connections begins with a PROXY header. */
  readonly proxies: AddressSet;
  /** Milliseconds for that header. */
  readonly handshakeTimeout: number;
  readonly limit: ConnectionLimit;
  readonly sessions: Sessions;
  readonly observe: Observer;
  readonly serve: (connection: HttpConnection) => Session;
}

/** Bytes to read into while a connection is quiet. */
const BUFFER_BYTES = 4 * 1024;

/**
 * Accepts plain connections and gives each a session.
 *
 * @throws {ProxyError} `bad_config` where the address cannot be listened on
 */
export async function openPlainListener(options: PlainListenerOptions): Promise<Listener> {
  const { limit, sessions, observe } = options;
  const address = await claimAddress(options.address, options);
  const { listener, closeBy } = await openTcp(address);
  let closed = false;
  const unnamed = new UnnamedConnections(options.handshakeTimeout);
  const served = new ListenerSessions();
  const accepting = acceptAll(listener, {
    socket: (socket) => {
      const peer = toAddress(socket.remoteAddr);
      if (options.proxies.has(peer.host)) return acceptProxied(socket, peer);
      const place = limit.enter(peer);
      if (place === undefined) return socket.close();
      serve(socket, { place, ends: endsOf(socket) });
    },
    trouble: (reason) =>
      observe({ kind: "listener_trouble", listen: address, reason, accepts: false }),
    recovered: () => observe({ kind: "listener_recovered", listen: address }),
    closed: () => closed,
    begins: options.begins,
  });
  return {
    address: toAddress(listener.addr),
    refresh: () => Promise.resolve(),
    settle: () => Promise.resolve(),
    close: async () => {
      served.retire();
      await closeBy(async () => {
        closed = true;
        listener.close();
        await accepting;
      });
      limit.close();
    },
    arrived: () => unnamed.whenNone(),
    cutArriving: () => unnamed.closeAll(),
  };

  function acceptProxied(socket: Deno.TcpConn, peer: Address): void {
    const place = limit.enterUnnamed(peer);
    if (place === undefined) return socket.close();
    void unnamed.add(socket, place, {
      onNamed: (ends, rest) => serve(socket, { place, ends, rest }),
      onGone: () => observe({ kind: "probed", listen: address }),
      onFailure: (error) => observe({ kind: "handshake_failed", peer, sni: undefined, error }),
    });
  }

  function serve(socket: Deno.TcpConn, { place, ends, rest }: Accepted): void {
    socket.setNoDelay(true);
    const connection = new SocketConnection(
      rest === undefined ? socket : new PrefixedSocket(socket, rest),
      {
        ...ends,
        goneCode: "client_gone",
        idleBufferBytes: BUFFER_BYTES,
        // its own ends: a PROXY header tells of others
        sendReset: () => portKeeper().reset(endsOf(socket)),
      },
    );
    const { peer } = ends;
    observe({ kind: "plain_connection", peer, state: "open" });
    const session = options.serve(connection);
    // what it is worth shows once it says something
    place.begin(() => {
      if (connection.bytes.read > 0) return false;
      session.abort();
      return true;
    });
    session.done.then(() => {
      place.leave();
      observe({ kind: "plain_connection", peer, state: "closed" });
    });
    sessions.add(session);
    served.add(session);
  }
}

interface Accepted {
  readonly place: Place;
  readonly ends: ProxiedOrigin;
  /** What was read already. */
  readonly rest?: Uint8Array;
}
