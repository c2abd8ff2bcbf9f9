import { Roster } from "../core/roster.ts";
import { acceptAll } from "../ports/accept_loop.ts";
import { type Address, toAddress } from "../core/address.ts";
import type { TlsFacts } from "../core/tls_facts.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";
import { closeQuietly } from "../io/close_quietly.ts";
import { type ByteSocket, SocketConnection } from "../io/socket_connection.ts";
import type { Certificate } from "../certificates/certificate.ts";
import type { Listener } from "../ports/listener.ts";
import { FREE_PLACE, type Place } from "../ports/place.ts";
import type { TlsConnection, TlsEngine, TlsListenOptions } from "./engine.ts";
import { denoRefusal } from "./deno_refusal.ts";
import { identityOf, type ListenerIdentity } from "./listener_identity.ts";
import { claimAddress, portKeeper } from "../ports/port_keeper.ts";
import { endsOf } from "../ports/own_sockets.ts";
import { type Generation, Rotation } from "./rotation.ts";
import { BACKLOG, cannotListen } from "../ports/shared_port.ts";

/** The engine on `Deno.listenTls`: the fastest, with nothing known of a connection but its ALPN. */
export const denoEngine: TlsEngine = {
  name: "deno",
  can: new Set(["certificates_by_name", "truncation_seen"]),
  refusal: denoRefusal,
  listen,
};

/** Bytes to read into while a connection is quiet: most requests fit. */
const IDLE_BUFFER_BYTES = 2 * 1024;

/** What a full record holds (RFC 8446, section 5.1): the most that the runtime gives at once. */
const RECORD_BYTES = 16 * 1024;

/** Why this engine cannot run here; undefined where it can. */
export function denoEngineUnavailable(): string | undefined {
  return sharesPorts() ? undefined : "--unstable-net is not given";
}

async function listen(options: TlsListenOptions): Promise<Listener> {
  refuseWhatItLacks(options);
  const address = await claimAddress(options.address, options);
  const pending = new Roster<Arriving>();
  const first = await open(options.begins);
  const rotation = new Rotation(first, {
    open: () => open(),
    isCurrent: ({ isCurrent }) => isCurrent(),
    takesOver: first.takesOver,
  });
  return {
    address,
    refresh: () => rotation.refresh(),
    settle: () => rotation.settle(),
    close: () => rotation.close(),
    arrived: () => pending.whenEmpty(),
    cutArriving: () => {
      for (const arriving of pending.values()) arriving.breakOff();
    },
  };

  /** A listener with the certificates of now, to which this runtime holds for good. */
  async function open(begins?: Promise<boolean> | undefined): Promise<CertificateGeneration> {
    const identity = identityOf(options.certificates, () => {
      // where it cannot be replaced, it goes on as it is
      rotation.refresh().catch((error) =>
        options.onTrouble(asProxyError(error, "internal").message)
      );
    });
    const { certificate } = identity;
    const { listener, takesOver, closeBy } = await portKeeper().open({
      address,
      // without the library there is no way, and it costs time alone
      noDelay: portKeeper().unavailable === undefined,
      listen: () => listenTls({ ...options, address }, identity),
      close: (listener) => listener.close(),
    });
    let closed = false;
    const accepting = acceptAll(listener, {
      socket: (socket) => {
        const { enter } = options;
        const place = enter === undefined ? FREE_PLACE : enter(toAddress(socket.remoteAddr));
        if (place === undefined) return breakOff(socket);
        const arriving = new Arriving(socket);
        const entry = pending.add(arriving);
        handshake(arriving, { options, certificate, place }).finally(() => pending.remove(entry));
      },
      gone: () => options.onGone?.(),
      trouble: (reason) => (options.onShortage ?? options.onTrouble)(reason),
      recovered: () => options.onRecovered?.(),
      closed: () => closed,
      begins,
    });
    const end = async () => {
      closed = true;
      listener.close();
      await accepting;
    };
    let ended: Promise<void> | undefined;
    const close = () => ended ??= closeBy(end);
    return { isCurrent: identity.isCurrent, takesOver, close };
  }
}

interface CertificateGeneration extends Generation {
  /** Whether its certificates are those that a new one would have. */
  readonly isCurrent: () => boolean;
  readonly takesOver: boolean;
}

/** @throws {ProxyError} `unavailable`: to be laxer than was asked would show nowhere */
function refuseWhatItLacks({ policy, proxies }: TlsListenOptions): void {
  const why = denoEngineUnavailable();
  if (why !== undefined) throw cannot(why);
  if (proxies?.empty === false) throw cannot("it does not see what comes ahead of TLS");
  if (policy?.strictSni === true) throw cannot("it does not see the names (strict_sni)");
  if (policy !== undefined && policy.minVersion !== "TLSv1.2") {
    throw cannot("it does not choose the versions (min_version)");
  }
}

function cannot(why: string): ProxyError {
  return new ProxyError("unavailable", `The deno engine cannot be used: ${why}`);
}

/** Whether `reusePort` is allowed. To ask for it where it is not would end the process. */
function sharesPorts(): boolean {
  return "listenDatagram" in Deno;
}

function listenTls(
  { address, alpn }: TlsListenOptions,
  { listenOptions }: ListenerIdentity,
): Deno.TlsListener {
  const options: Deno.ListenTlsOptions & Deno.TlsCertifiedKeyPem & { reusePort: boolean } = {
    hostname: address.host,
    port: address.port,
    ...listenOptions,
    alpnProtocols: [...alpn],
    // so that the next generation can listen while this one still does
    reusePort: true,
    tcpBacklog: BACKLOG,
  };
  try {
    return Deno.listenTls(options);
  } catch (error) {
    throw cannotListen(address, error);
  }
}

/** A connection whose handshake is not known to be done. */
class Arriving {
  readonly socket: Deno.TlsConn;
  isBrokenOff = false;

  constructor(socket: Deno.TlsConn) {
    this.socket = socket;
  }

  breakOff(): void {
    this.isBrokenOff = true;
    breakOff(this.socket);
  }
}

async function handshake(
  arriving: Arriving,
  { options, certificate, place }: {
    options: TlsListenOptions;
    certificate: Certificate | undefined;
    place: Place;
  },
): Promise<void> {
  const started = performance.now();
  const { socket } = arriving;
  const peer = toAddress(socket.remoteAddr);
  let late = false;
  let gaveWay = false;
  place.begin(() => {
    gaveWay = true;
    arriving.breakOff();
    return true;
  });
  const timer = setTimeout(() => {
    late = true;
    arriving.breakOff();
  }, options.handshakeTimeout);
  try {
    withoutDelay(socket);
    const { alpnProtocol } = await socket.handshake();
    // it may have been done by then, and not told so
    if (arriving.isBrokenOff) throw new ProxyError("handshake_failed", CLOSED_AMID);
    place.settle();
    options.onConnection(
      new DenoConnection(socket, { peer, certificate }, {
        sni: undefined,
        alpn: alpnProtocol ?? undefined,
        protocol: undefined,
        cipher: undefined,
        resumed: undefined,
        handshakeMs: performance.now() - started,
      }),
      place,
    );
  } catch (error) {
    closeQuietly(socket);
    const limit = options.handshakeTimeout;
    const failed = late
      ? new ProxyError("handshake_timeout", `The handshake was not done within ${limit} ms`)
      : handshakeFailed(error);
    place.leave();
    if (gaveWay) return;
    // what came before the end the runtime does not say
    if (!late && isEnd(error)) return options.onGone?.();
    options.onHandshakeFailure({ peer, sni: undefined, error: failed });
  } finally {
    clearTimeout(timer);
  }
}

const CLOSED_AMID = "The listener was closed amid the handshake";

class DenoConnection extends SocketConnection implements TlsConnection {
  readonly tls: TlsFacts;
  readonly certificate: Certificate | undefined;

  constructor(
    socket: Deno.TlsConn & ByteSocket,
    { peer, certificate }: { peer: Address; certificate: Certificate | undefined },
    tls: TlsFacts,
  ) {
    const local = toAddress(socket.localAddr);
    super(socket, {
      peer,
      local,
      goneCode: "client_gone",
      idleBufferBytes: IDLE_BUFFER_BYTES,
      recordBytes: RECORD_BYTES,
      onBreakOff: () => portKeeper().free({ peer, local }),
      reword: plainWords,
    });
    this.tls = tls;
    this.certificate = certificate;
  }
}

/**
 * A client that has gone shows as it is written to, at times.
 *
 * Where certificates go by the name, the runtime reads for a ClientHello until there is nothing more
 * for the moment, and takes that for a failure unless it has all of it.
 */
function handshakeFailed(error: unknown): ProxyError {
  if (error instanceof Deno.errors.BrokenPipe) {
    return new ProxyError("handshake_failed", "The client closed amid its handshake", {
      cause: error,
    });
  }
  if (!(error instanceof Deno.errors.WouldBlock)) return asProxyError(error, "handshake_failed");
  return new ProxyError(
    "handshake_failed",
    "Its hello came in several packets, which the deno engine cannot read where there are " +
      "several certificates; the openssl engine can",
    { cause: error },
  );
}

/** The runtime's own refer to a page about its library. */
function plainWords(error: unknown): unknown {
  if (!(error instanceof Deno.errors.UnexpectedEof)) return error;
  return new Deno.errors.UnexpectedEof("TCP ended without close_notify", { cause: error });
}

function isEnd(error: unknown): boolean {
  // probes of some balancers end by a reset
  return error instanceof Deno.errors.UnexpectedEof ||
    error instanceof Deno.errors.ConnectionReset;
}

/** What `port_keeper` has done for all of a listener, where the runtime can do it itself. */
function withoutDelay(socket: Deno.TlsConn): void {
  if ("setNoDelay" in socket && typeof socket.setNoDelay === "function") socket.setNoDelay(true);
}

/** Ends a connection whose handshake is not done. */
function breakOff(socket: Deno.TlsConn): void {
  const ends = endsOf(socket);
  closeQuietly(socket);
  portKeeper().free(ends);
}
