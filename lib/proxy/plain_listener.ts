import { acceptAll } from "../ports/accept_loop.ts";
import { type Address, toAddress } from "../core/address.ts";
import { SocketConnection } from "../io/socket_connection.ts";
import type { Observer } from "../core/event.ts";
import type { TlsListener } from "../tls/engine.ts";
import { portKeeper } from "../ports/port_keeper.ts";
import { cannotListen } from "../ports/shared_port.ts";
import type { ConnectionLimit } from "./connection_limit.ts";
import type { HttpConnection } from "./client_side.ts";
import type { Session, Sessions } from "./session.ts";

export interface PlainListenerOptions {
  readonly address: Address;
  /** Whether this takes the place of a listener of this process that still has the address. */
  readonly beside: boolean;
  readonly limit: ConnectionLimit;
  readonly sessions: Sessions;
  readonly observe: Observer;
  readonly serve: (connection: HttpConnection) => Session;
}

/** Bytes to read into: a request that is to be redirected is small. */
const BUFFER_BYTES = 4 * 1024;

/**
 * Accepts plain connections and gives each a session.
 *
 * @throws {ProxyError} `bad_config` where the address cannot be listened on
 */
export async function openPlainListener(options: PlainListenerOptions): Promise<TlsListener> {
  const { beside, limit, sessions, observe } = options;
  const port = beside ? options.address.port : await portKeeper().claim(options.address);
  const address = { host: options.address.host, port };
  const { listener, closeBy } = await portKeeper().open({
    address,
    beside,
    noDelay: false,
    listen: () => listen(address),
    close: (listener) => listener.close(),
  });
  let closed = false;
  const accepting = acceptAll(listener, {
    socket: (socket) => {
      const peer = toAddress(socket.remoteAddr);
      if (!limit.enter(peer)) return socket.close();
      socket.setNoDelay(true);
      const session = options.serve(
        new SocketConnection(socket, {
          peer,
          local: toAddress(socket.localAddr),
          goneCode: "client_gone",
          idleBufferBytes: BUFFER_BYTES,
        }),
      );
      session.done.then(() => limit.leave(peer));
      sessions.add(session);
    },
    trouble: (reason) => observe({ kind: "listener_trouble", listen: address, reason }),
    closed: () => closed,
  });
  return {
    address: toAddress(listener.addr),
    refresh: () => Promise.resolve(),
    settle: () => Promise.resolve(),
    close: async () => {
      await closeBy(async () => {
        closed = true;
        listener.close();
        await accepting;
      });
      limit.close();
    },
  };
}

function listen(address: Address): Deno.TcpListener {
  try {
    const options: Deno.TcpListenOptions & { reusePort: boolean } = {
      hostname: address.host,
      port: address.port,
      reusePort: true,
    };
    return Deno.listen(options);
  } catch (error) {
    throw cannotListen(address, error);
  }
}
