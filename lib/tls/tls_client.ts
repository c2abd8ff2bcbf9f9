import { isIP } from "node:net";
import { withoutZone } from "../core/ip.ts";
import type { ByteSocket } from "../io/socket_connection.ts";
import { shakeHands } from "./openssl/client_handshake.ts";
import { TlsContext } from "./openssl/context.ts";
import { OpenSslSocket } from "./openssl/openssl_socket.ts";
import type { Resumption } from "./openssl/resumption.ts";
import type { TlsSession } from "./openssl/session.ts";
import type { ServerTls } from "./server_trust.ts";

/** A connection to a server whose handshake is done. */
export interface TlsToServer extends ByteSocket {
  /** The protocol that the server has chosen (RFC 7301); undefined where it has not. */
  readonly alpn: string | undefined;
}

export interface TlsClientOptions {
  readonly tls: ServerTls;
  /** What the server is called: a host name or an IP address; undefined where it has neither. */
  readonly host: string | undefined;
}

/**
 * Speaks TLS to one server: asks for its name, holds its certificate against what is trusted, and
 * offers the session of the connection before.
 */
export class TlsClient {
  readonly #options: TlsClientOptions;
  #last: Resumption | undefined;

  constructor(options: TlsClientOptions) {
    this.#options = options;
  }

  /**
   * Shakes hands over a connection to the server. Closing that is what ends it before its time.
   *
   * @param alpn the protocols to offer, best first; none for no offer
   * @throws {ProxyError} `connect_failed` where it fails or the server is not believed, in words;
   *   `unavailable` or `bad_config` where the library cannot be used for it
   */
  async secure(socket: ByteSocket, alpn: readonly string[]): Promise<TlsToServer> {
    const { tls, host } = this.#options;
    // no certificate is for a zone, which only this machine knows
    const name = tls.name ?? (host && withoutZone(host));
    const session = await shakeHands(socket, {
      context: contextFor(tls, alpn),
      offered: alpn,
      serverName: name === undefined || isIP(name) !== 0 ? undefined : name,
      verifyName: tls.verify ? name : undefined,
      resume: this.#last,
    });
    return new ClientSocket(socket, session, (resumption) => void (this.#last = resumption));
  }
}

/** Contexts are made once for each kind of server and offer: the system's roots are megabytes. */
const CONTEXTS = new WeakMap<ServerTls, Map<string, TlsContext>>();

function contextFor(tls: ServerTls, alpn: readonly string[]): TlsContext {
  const made = CONTEXTS.get(tls) ?? new Map<string, TlsContext>();
  CONTEXTS.set(tls, made);
  const key = alpn.join();
  let context = made.get(key);
  if (context === undefined) made.set(key, context = TlsContext.forClient({ ...tls, alpn }));
  return context;
}

/**
 * Keeps the server's session once something was read: with TLS 1.3 the tickets come behind the
 * handshake (RFC 8446, section 4.6.1).
 */
class ClientSocket extends OpenSslSocket implements TlsToServer {
  readonly alpn: string | undefined;
  readonly #session: TlsSession;
  #keep: ((resumption: Resumption) => void) | undefined;

  constructor(
    socket: ByteSocket,
    session: TlsSession,
    keep: (resumption: Resumption) => void,
  ) {
    super(socket, session);
    this.#session = session;
    this.#keep = keep;
    this.alpn = session.facts().alpn;
  }

  override read(into: Uint8Array): Promise<number | null> {
    const read = super.read(into);
    return this.#keep === undefined ? read : read.then(this.#onFirstRead);
  }

  readonly #onFirstRead = (count: number | null): number | null => {
    const resumption = count === null ? undefined : this.#session.resumption();
    if (resumption !== undefined) this.#keep?.(resumption);
    this.#keep = undefined;
    return count;
  };
}
