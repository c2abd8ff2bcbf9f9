import type { Address } from "../core/address.ts";
import type { TlsFacts } from "../core/connection.ts";
import { asProxyError, messageOf, ProxyError } from "../core/errors.ts";
import { type ByteSocket, SocketConnection } from "../core/socket_connection.ts";
import type { TlsConnection, TlsEngine, TlsListener, TlsListenOptions } from "./engine.ts";
import { setNoDelayOnListener } from "./no_delay.ts";

/**
 * The engine on `Deno.listenTls`: the fastest, with one certificate, and with nothing known of a
 * connection but its ALPN.
 */
export const denoEngine: TlsEngine = {
  name: "deno",
  can: new Set(["truncation_seen"]),
  listen: (options) => Promise.resolve().then(() => listen(options)),
};

/** Bytes to read into while a connection is quiet: most requests fit. */
const IDLE_BUFFER_BYTES = 4 * 1024;
/** Milliseconds to wait when accepting fails for want of resources. */
const ACCEPT_PAUSE_MS = 100;

function listen(options: TlsListenOptions): TlsListener {
  const listener = listenTls(options);
  const { hostname: host, port } = listener.addr as Deno.NetAddr;
  try {
    setNoDelayOnListener(port);
  } catch (error) {
    listener.close();
    throw error;
  }
  const pending = new Set<Deno.TlsConn>();
  let closed = false;
  const accepting = acceptAll();
  return {
    address: { host, port },
    close: async () => {
      closed = true;
      listener.close();
      for (const socket of pending) closeQuietly(socket);
      await accepting;
    },
  };

  async function acceptAll(): Promise<void> {
    while (!closed) {
      try {
        const socket = await listener.accept();
        pending.add(socket);
        handshake(socket, options).finally(() => pending.delete(socket));
      } catch (error) {
        if (closed) return;
        options.onTrouble(messageOf(error));
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
      }
    }
  }
}

function listenTls({ address, certificates, alpn }: TlsListenOptions): Deno.TlsListener {
  const { certPem: cert, keyPem: key } = certificates.default;
  try {
    return Deno.listenTls({
      hostname: address.host,
      port: address.port,
      cert,
      key,
      alpnProtocols: [...alpn],
    });
  } catch (error) {
    const { host, port } = address;
    throw new ProxyError("bad_config", `Cannot listen on ${host}:${port}: ${messageOf(error)}`);
  }
}

async function handshake(socket: Deno.TlsConn, options: TlsListenOptions): Promise<void> {
  const started = performance.now();
  const peer = toAddress(socket.remoteAddr);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    closeQuietly(socket);
  }, options.handshakeTimeout);
  try {
    const { alpnProtocol } = await socket.handshake();
    options.onConnection(
      new DenoConnection(socket, peer, {
        sni: undefined,
        alpn: alpnProtocol ?? undefined,
        protocol: undefined,
        cipher: undefined,
        resumed: undefined,
        handshakeMs: performance.now() - started,
      }),
    );
  } catch (error) {
    closeQuietly(socket);
    const limit = options.handshakeTimeout;
    const failed = late
      ? new ProxyError("handshake_timeout", `The handshake was not done within ${limit} ms`)
      : asProxyError(error, "handshake_failed");
    options.onHandshakeFailure({ peer, sni: undefined, error: failed });
  } finally {
    clearTimeout(timer);
  }
}

class DenoConnection extends SocketConnection implements TlsConnection {
  readonly tls: TlsFacts;

  constructor(socket: Deno.TlsConn & ByteSocket, peer: Address, tls: TlsFacts) {
    const local = toAddress(socket.localAddr);
    super(socket, { peer, local, goneCode: "client_gone", idleBufferBytes: IDLE_BUFFER_BYTES });
    this.tls = tls;
  }
}

function toAddress({ hostname, port }: Deno.NetAddr): Address {
  return { host: hostname, port };
}

function closeQuietly(socket: Deno.TlsConn): void {
  try {
    socket.close();
  } catch {
    // it was closed already
  }
}
