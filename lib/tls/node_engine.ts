import net, { type Socket } from "node:net";
import tls, { type SecureContext, TLSSocket } from "node:tls";
import { type Address, withoutMapping } from "../core/address.ts";
import { messageOf, ProxyError } from "../core/errors.ts";
import { admit, DEFAULT_POLICY } from "./admission.ts";
import { applyBackPressure } from "./back_pressure.ts";
import type { Certificate } from "../certificates/certificate.ts";
import { alertRecord, type ClientHello, readClientHello } from "./client_hello.ts";
import {
  FREE_PLACE,
  type Place,
  type TlsEngine,
  type TlsListener,
  type TlsListenOptions,
  type TlsPolicy,
} from "./engine.ts";
import { NodeConnection } from "./node_connection.ts";
import { plainHttpAnswer } from "./plain_http.ts";
import { portKeeper } from "../ports/port_keeper.ts";
import { cannotListen } from "../ports/shared_port.ts";
import { freeSpentInput } from "./spent_memory.ts";
import { ALERT, type AlertName } from "./wire.ts";

/**
 * The engine on `node:tls`. It accepts TCP, reads the ClientHello itself, and only then lets the
 * runtime do TLS on the same socket, with the certificate for the name that was asked.
 */
export const nodeEngine: TlsEngine = {
  name: "node",
  can: new Set([
    "protocol_facts",
    "sni_facts",
    "certificates_by_name",
    "certificates_by_key_type",
    "certificate_facts",
    "resumption_by_name",
    "min_version",
    "strict_sni",
    "plain_http_answer",
    "truncation_shown",
  ]),
  listen,
};

async function listen(options: TlsListenOptions): Promise<TlsListener> {
  const { address, beside = false } = options;
  const port = beside ? address.port : await portKeeper().claim(address);
  const contexts = new SecureContexts(options);
  const pending = new Set<Socket>();
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    const peer = endOf(socket.remoteAddress, socket.remotePort);
    const place = options.enter === undefined ? FREE_PLACE : options.enter(peer);
    if (place === undefined) return void socket.destroy();
    pending.add(socket);
    handshake(socket, { options, contexts, peer, place }, () => pending.delete(socket));
  });
  const { closeBy } = await portKeeper().open({
    address: { host: address.host, port },
    beside,
    noDelay: false,
    listen: () =>
      new Promise<void>((resolve, reject) => {
        server.once("error", (error) => reject(cannotListen(address, error)));
        server.listen({ host: address.host, port, backlog: 4096, reusePort: true }, resolve);
      }),
    close: () => server.close(),
  });
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new TypeError("A TCP server has a port");
  return {
    address: { host: bound.address, port: bound.port },
    // each handshake asks the store
    refresh: () => Promise.resolve(),
    settle: () => Promise.resolve(),
    close: async ({ finishHandshakes = false } = {}) => {
      await closeBy(() => void server.close());
      if (!finishHandshakes) { for (const socket of pending) socket.destroy(); }
    },
  };
}

interface HandshakeContext {
  readonly options: TlsListenOptions;
  readonly contexts: SecureContexts;
  readonly peer: Address;
  readonly place: Place;
}

/** One end of a socket; a socket that has closed meanwhile has none. */
function endOf(host: string | undefined, port: number | undefined): Address {
  return { host: withoutMapping(host ?? ""), port: port ?? 0 };
}

/** From an accepted socket to a connection or a failure; `settled` is called once, at either. */
function handshake(
  socket: Socket,
  { options, contexts, peer, place }: HandshakeContext,
  settled: () => void,
): void {
  const started = performance.now();
  const local = endOf(socket.localAddress, socket.localPort);
  let sni: string | undefined;
  let over = false;
  const timer = setTimeout(() => {
    const limit = options.handshakeTimeout;
    fail(new ProxyError("handshake_timeout", `The handshake was not done within ${limit} ms`));
  }, options.handshakeTimeout);
  socket.on("error", (error) => fail(new ProxyError("handshake_failed", error.message)));
  socket.on("close", () => fail(new ProxyError("handshake_failed", "The client has gone")));
  readHello(socket, (reading) => {
    if (over) return;
    if (reading instanceof ProxyError) return fail(reading);
    sni = reading.sni;
    const admission = admit(reading, { policy: DEFAULT_POLICY, ...options });
    if (admission.kind === "refused") return refuse(admission);
    const { certificate } = admission;
    let context: SecureContext;
    try {
      context = contexts.of(certificate);
    } catch (error) {
      const why = `Cannot use the certificate ${certificate.label}: ${messageOf(error)}`;
      return refuse({ alert: "internal_error", error: new ProxyError("internal", why) });
    }
    startTls(certificate, context);
  });

  function refuse({ alert, error }: { alert: AlertName; error: ProxyError }): void {
    socket.write(alertRecord(ALERT[alert]));
    fail(error);
  }

  function startTls(certificate: Certificate, secureContext: SecureContext): void {
    const secure = new TLSSocket(socket, {
      isServer: true,
      secureContext,
      ALPNProtocols: [...options.alpn],
      allowHalfOpen: true,
      requestCert: false,
      rejectUnauthorized: false,
    } as tls.TLSSocketOptions);
    // the event by which node:tls reports a failed handshake of a socket without a server
    secure.on("_tlsError", (error: Error) => fail(handshakeError(error)));
    secure.on("error", (error: Error) => fail(handshakeError(error)));
    // a client that leaves amid the handshake shows as an end, and an end shows to who reads
    const lookForEnd = () => void secure.read(0);
    const onEnd = () => fail(new ProxyError("handshake_failed", "The client has gone"));
    secure.on("readable", lookForEnd).on("end", onEnd);
    secure.on("secure", () => {
      if (over) return;
      settle();
      secure.off("readable", lookForEnd).off("end", onEnd);
      applyBackPressure(secure);
      freeSpentInput(secure);
      options.onConnection(
        new NodeConnection({ socket: secure, raw: socket }, {
          peer,
          local,
          certificate,
          tls: {
            sni,
            alpn: secure.alpnProtocol || undefined,
            protocol: secure.getProtocol() ?? undefined,
            cipher: secure.getCipher()?.standardName,
            resumed: secure.isSessionReused(),
            handshakeMs: performance.now() - started,
          },
        }),
        place,
      );
    });
  }

  function fail(error: ProxyError): void {
    if (over) return;
    settle();
    socket.destroySoon();
    place.leave();
    options.onHandshakeFailure({ peer, sni, error });
  }

  function settle(): void {
    over = true;
    clearTimeout(timer);
    settled();
  }
}

/** Collects the ClientHello and puts it back for TLS to read. What is none is answered here. */
function readHello(socket: Socket, done: (reading: ClientHello | ProxyError) => void): void {
  let bytes: Uint8Array = new Uint8Array(0);
  socket.on("readable", onReadable);

  function onReadable(): void {
    const chunk: Uint8Array | null = socket.read();
    if (chunk === null) {
      // "readable" without bytes is the end of input
      if (socket.readableEnded || socket.readableLength === 0) {
        finish(new ProxyError("handshake_failed", "The client closed before it said anything"));
      }
      return;
    }
    bytes = bytes.length === 0 ? chunk : concat(bytes, chunk);
    const reading = readClientHello(bytes);
    switch (reading.kind) {
      case "incomplete":
        return;
      case "plain_http":
        socket.write(plainHttpAnswer(Date.now()));
        return finish(new ProxyError("plain_http", "The client spoke plain HTTP"));
      case "invalid":
        socket.write(alertRecord(reading.alert));
        return finish(new ProxyError("bad_client_hello", reading.reason));
      case "hello":
        socket.off("readable", onReadable);
        socket.unshift(bytes);
        return done(reading.hello);
    }
  }

  function finish(error: ProxyError): void {
    socket.off("readable", onReadable);
    done(error);
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** What `node:tls` makes of a certificate, once for each for as long as it is in use. */
class SecureContexts {
  readonly #minVersion: TlsPolicy["minVersion"];
  readonly #made = new WeakMap<Certificate, SecureContext>();

  constructor({ policy = DEFAULT_POLICY }: TlsListenOptions) {
    this.#minVersion = policy.minVersion;
  }

  of(certificate: Certificate): SecureContext {
    let context = this.#made.get(certificate);
    if (context === undefined) {
      const { certPem: cert, keyPem: key } = certificate;
      context = tls.createSecureContext({ cert, key, minVersion: this.#minVersion });
      this.#made.set(certificate, context);
    }
    return context;
  }
}

function handshakeError(error: Error): ProxyError {
  return new ProxyError("handshake_failed", error.message, { cause: error });
}
