import { Roster } from "../core/roster.ts";
import type { Certificate } from "../certificates/certificate.ts";
import { type Address, toAddress } from "../core/address.ts";
import { closeQuietly } from "../io/close_quietly.ts";
import { acceptAll } from "../ports/accept_loop.ts";
import { claimAddress, openTcp } from "../ports/port_keeper.ts";
import { endsOf } from "../ports/own_sockets.ts";
import { UnnamedConnections } from "../ports/proxied_start.ts";
import type { Listener } from "../ports/listener.ts";
import { FREE_PLACE } from "../ports/place.ts";
import type { TlsEngine, TlsListenOptions } from "./engine.ts";
import { type ClientAuth, DEFAULT_POLICY } from "./policy.ts";
import { TlsContext } from "./openssl/context.ts";
import { openSsl } from "./openssl/library.ts";
import {
  type Admitted,
  type HandshakeOptions,
  ServerHandshake,
} from "./openssl/server_handshake.ts";
import { opensslRefusal } from "./openssl/trial.ts";
import { TicketKeys } from "./openssl/ticket_keys.ts";

/**
 * The engine on OpenSSL 3, the system's own. The runtime accepts and does the I/O, `client_hello`
 * reads what the client asks for, admission chooses by it, and the library turns bytes into bytes.
 */
export const opensslEngine: TlsEngine = {
  name: "openssl",
  can: new Set([
    "protocol_facts",
    "sni_facts",
    "certificates_by_name",
    "certificates_by_key_type",
    "certificate_facts",
    "resumption_by_name",
    "hello_in_pieces",
    "proxy_header",
    "passthrough",
    "client_certificates",
    "authority_answer",
    "min_version",
    "strict_sni",
    "cipher_choice",
    "group_choice",
    "ticket_choice",
    "plain_http_answer",
    "truncation_seen",
    "truncation_shown",
  ]),
  refusal: opensslRefusal,
  listen,
};

async function listen(options: TlsListenOptions): Promise<Listener> {
  // said now rather than to the first client
  openSsl();
  const address = await claimAddress(options.address, options);
  const contexts = new Contexts(options);
  const pending = new Roster<ServerHandshake>();
  const unnamed = new UnnamedConnections(options.handshakeTimeout);
  const { listener, closeBy } = await openTcp(address);
  let closed = false;
  const accepting = acceptAll(listener, {
    socket: (tcp) => {
      const peer = toAddress(tcp.remoteAddr);
      if (options.proxies?.has(peer.host)) return acceptProxied(tcp, peer);
      const place = options.enter === undefined ? FREE_PLACE : options.enter(peer);
      if (place === undefined) return closeQuietly(tcp);
      shakeHands(tcp, { place, ends: endsOf(tcp) });
    },
    gone: () => options.onGone?.(),
    trouble: (reason) => (options.onShortage ?? options.onTrouble)(reason),
    recovered: () => options.onRecovered?.(),
    closed: () => closed,
    begins: options.begins,
  });
  return {
    address: toAddress(listener.addr),
    // each handshake asks the store
    refresh: () => Promise.resolve(),
    settle: () => Promise.resolve(),
    close: () =>
      closeBy(async () => {
        closed = true;
        listener.close();
        await accepting;
      }),
    arrived: async () => {
      await unnamed.whenNone();
      await pending.whenEmpty();
    },
    cutArriving: () => {
      unnamed.closeAll();
      for (const handshake of pending.values()) handshake.abort();
    },
  };

  function shakeHands(
    tcp: Deno.TcpConn,
    client: Pick<HandshakeOptions, "place" | "ends" | "first" | "began">,
  ): void {
    tcp.setNoDelay(true);
    const handshake = new ServerHandshake(tcp, {
      ...client,
      options,
      contextFor: (admitted) => contexts.of(admitted),
      settled: () => void pending.remove(entry),
    });
    const entry = pending.add(handshake);
    client.place.begin(() => {
      handshake.cut();
      return true;
    });
  }

  /** One of a proxy in front, which tells whose it is ahead of everything else. */
  function acceptProxied(tcp: Deno.TcpConn, peer: Address): void {
    const place = options.enterUnnamed === undefined ? FREE_PLACE : options.enterUnnamed(peer);
    if (place === undefined) return closeQuietly(tcp);
    const began = performance.now();
    void unnamed.add(tcp, place, {
      onNamed: (ends, first) => shakeHands(tcp, { place, ends, first, began }),
      onGone: () => options.onGone?.(),
      onFailure: (error) => options.onHandshakeFailure({ peer, sni: undefined, error }),
    });
  }
}

/** What the library makes of a certificate, once for each for as long as it is in use. */
class Contexts {
  readonly #options: TlsListenOptions;
  readonly #tickets: TicketKeys;
  readonly #made: ContextsByCertificate = new WeakMap();
  /** Where clients have to prove something of themselves. */
  readonly #madeByAuth = new WeakMap<ClientAuth, ContextsByCertificate>();

  constructor(options: TlsListenOptions) {
    this.#options = options;
    this.#tickets = options.tickets ?? new TicketKeys();
  }

  of({ certificate, clientAuth }: Admitted): TlsContext {
    const made = clientAuth === undefined ? this.#made : this.#of(clientAuth);
    let context = made.get(certificate);
    if (context === undefined) {
      const { certPem, keyPem } = certificate;
      const { policy = DEFAULT_POLICY } = this.#options;
      context = TlsContext.forServer({
        ...{ certPem, keyPem, policy, clientAuth },
        tickets: this.#tickets,
      });
      made.set(certificate, context);
    }
    return context;
  }

  #of(clientAuth: ClientAuth): ContextsByCertificate {
    let made = this.#madeByAuth.get(clientAuth);
    if (made === undefined) this.#madeByAuth.set(clientAuth, made = new WeakMap());
    return made;
  }
}

type ContextsByCertificate = WeakMap<Certificate, TlsContext>;
