import { createHash } from "node:crypto";
import type { ClientCertFacts } from "../../core/tls_facts.ts";
import type { Address } from "../../core/address.ts";
import { asProxyError, messageOf, ProxyError } from "../../core/errors.ts";
import { BufferPool } from "../../io/buffer_pool.ts";
import { GrowingBytes } from "../../io/growing_bytes.ts";
import { closeQuietly } from "../../io/close_quietly.ts";
import { PrefixedSocket } from "../../io/prefixed_socket.ts";
import { SocketConnection } from "../../io/socket_connection.ts";
import { type Admission, admit } from "../admission.ts";
import { alertRecord, type ClientHello, ClientHelloReader } from "../client_hello.ts";
import type { Place } from "../../ports/place.ts";
import type { TlsListenOptions } from "../engine.ts";
import { plainHttpAnswer } from "../plain_http.ts";
import { DEFAULT_POLICY, versionsOf } from "../policy.ts";
import { ALERT, type AlertName } from "../wire.ts";
import { VERSION } from "./binding.ts";
import type { TlsContext } from "./context.ts";
import { closeWithLastWords } from "./last_words.ts";
import type { Bytes } from "./library.ts";
import { OpenSslConnection } from "./openssl_connection.ts";
import { OpenSslSocket } from "./openssl_socket.ts";
import { TlsSession } from "./session.ts";
import { ticketBeginning } from "./ticket_keys.ts";

/** An admitted client's part of an `Admission`. */
export type Admitted = Admission & { readonly kind: "admitted" };

export interface HandshakeOptions {
  readonly options: TlsListenOptions;
  /** The client's connection, as whoever is in front of us tells it. */
  readonly ends: { readonly peer: Address; readonly local: Address };
  /** What the connection takes up, until it is handed on. */
  readonly place: Place;
  /** What was read of it already. */
  readonly first?: Bytes;
  /** @throws {ProxyError} where the library does not take the certificate */
  readonly contextFor: (admitted: Admitted) => TlsContext;
  /** Called once, when it is a connection or has failed. */
  readonly settled: () => void;
  /** When it was accepted, by `performance.now()`, where that is a while ago. */
  readonly began?: number;
}

/** Input that a client may make us work for, the ClientHello included. */
const MAX_INPUT_BYTES = 64 * 1024;

/** Bytes to read into: most ClientHellos fit, and all that follows. */
const BUFFER_BYTES = 2 * 1024;
const BUFFERS = new BufferPool(BUFFER_BYTES, { maxBytes: 512 * 1024 });

/**
 * From an accepted connection to a `TlsConnection` or a failure: the ClientHello, admission, and then
 * the library's handshake. It is one buffer and no async function, as there may be ten thousand at
 * once.
 */
export class ServerHandshake {
  readonly #tcp: Deno.TcpConn;
  readonly #options: HandshakeOptions;
  readonly #started: number;
  readonly #timer: ReturnType<typeof setTimeout>;
  #buffer: Bytes = BUFFERS.take();
  /** What was read of the ClientHello; undefined where nothing has come before. */
  #gathered: GrowingBytes | undefined;
  /** Until the hello is whole. */
  #reader: ClientHelloReader | undefined = new ClientHelloReader();
  #received = 0;
  /** Whether something is being read into the buffer. */
  #reading = false;
  #over = false;
  /** All that is kept of the hello: with ten thousand handshakes under way the rest would show. */
  #sni: string | undefined;
  #admitted: Admitted | undefined;
  #session: TlsSession | undefined;
  /** What is being sent, and whether the handshake is done then. */
  #out: Bytes | undefined;
  #done = false;

  constructor(tcp: Deno.TcpConn, options: HandshakeOptions) {
    this.#tcp = tcp;
    this.#options = options;
    this.#started = options.began ?? performance.now();
    const spent = performance.now() - this.#started;
    this.#timer = setTimeout(this.#onLate, options.options.handshakeTimeout - spent);
    // not before whoever made this has it
    queueMicrotask(() => this.#begin(options.first));
  }

  /** Breaks it off, and tells nobody. */
  cut(): void {
    this.#settle();
    this.#options.place.leave();
    this.#session?.close();
    closeQuietly(this.#tcp);
  }

  /** Ends it, as its listener does not wait for it. */
  abort(): void {
    this.#fail(new ProxyError("handshake_failed", "The listener was closed amid the handshake"));
  }

  #begin(first: Bytes | undefined): void {
    if (this.#over) return;
    if (first === undefined || first.length === 0) return this.#read();
    this.#received = first.length;
    this.#options.place.spoke();
    this.#readHello(first);
  }

  #read(): void {
    this.#reading = true;
    this.#tcp.read(this.#buffer).then(this.#onRead, this.#onError);
  }

  readonly #onLate = (): void => {
    const limit = this.#options.options.handshakeTimeout;
    this.#fail(
      new ProxyError("handshake_timeout", `The handshake was not done within ${limit} ms`),
    );
  };

  readonly #onError = (error: unknown): void => {
    this.#reading = false;
    if (this.#received === 0) return this.#gone();
    this.#fail(asProxyError(error, "handshake_failed"));
  };

  readonly #onRead = (count: number | null): void => {
    this.#reading = false;
    if (this.#over) return;
    if (count === null) {
      if (this.#received === 0) return this.#gone();
      return this.#fail(new ProxyError("handshake_failed", "The client closed amid its handshake"));
    }
    if (this.#received === 0) this.#options.place.spoke();
    this.#received += count;
    const bytes = this.#buffer.subarray(0, count);
    if (this.#session !== undefined) return this.#step(this.#session, bytes);
    this.#readHello(this.#gathered === undefined ? bytes : this.#gathered.add(bytes));
  };

  #readHello(all: Bytes): void {
    const reading = this.#reader?.read(all);
    if (reading === undefined) return;
    switch (reading.kind) {
      case "incomplete":
        return this.#gather(all);
      case "plain_http":
        return this.#fail(
          new ProxyError("plain_http", "The client spoke plain HTTP"),
          plainHttpAnswer(Date.now()),
        );
      case "invalid":
        return this.#fail(
          new ProxyError("bad_client_hello", reading.reason),
          alertRecord(reading.alert),
        );
      case "hello":
        this.#gathered = undefined;
        this.#reader = undefined;
        return this.#admit(reading.hello, all);
    }
  }

  /** Keeps what has come, and reads on. */
  #gather(all: Bytes): void {
    if (this.#gathered === undefined) {
      this.#gathered = new GrowingBytes(BUFFER_BYTES);
      this.#gathered.add(all);
    }
    this.#read();
  }

  #admit(hello: ClientHello, all: Bytes): void {
    this.#sni = hello.sni;
    const { options, contextFor } = this.#options;
    const admission = options.admit?.(hello, this.#options.ends.peer) ??
      admit(hello, { policy: DEFAULT_POLICY, ...options });
    if (admission.kind === "refused") return this.#refuse(admission);
    if (admission.kind === "passthrough") return this.#passThrough(hello, all);
    this.#admitted = admission;
    try {
      const { protocol } = admission;
      // the session lasts as long as the connection
      const ticket = hello.ticket && ticketBeginning(hello.ticket);
      const context = contextFor(admission);
      const isModern = hello.versions.includes(VERSION.tls13) &&
        versionsOf(options.policy ?? DEFAULT_POLICY).includes("TLSv1.3");
      this.#session = new TlsSession(context, {
        ...{ side: "server", protocol, ticket, isModern },
      });
    } catch (error) {
      const why = `Cannot use the certificate ${admission.certificate.label}: ${messageOf(error)}`;
      return this.#refuse({ alert: "internal_error", error: new ProxyError("internal", why) });
    }
    this.#step(this.#session, all);
  }

  #passThrough(hello: ClientHello, all: Bytes): void {
    const first = all.slice();
    this.#settle();
    const { ends, place, options: { onPassthrough } } = this.#options;
    place.settle();
    onPassthrough?.(
      new SocketConnection(new PrefixedSocket(this.#tcp, first), {
        ...ends,
        goneCode: "client_gone",
        idleBufferBytes: BUFFER_BYTES,
      }),
      hello,
      place,
    );
  }

  #step(session: TlsSession, input: Bytes): void {
    const step = session.handshake(input);
    this.#done = step === "done";
    const isLong = step === "goes_on" && this.#received > MAX_INPUT_BYTES;
    if (isLong) session.giveUp("A handshake of more than 64 KiB");
    const unsent = session.takeUnsent();
    if (step === "failed" || isLong) {
      return this.#fail(new ProxyError("handshake_failed", session.failure ?? ""), unsent);
    }
    if (unsent !== undefined) return this.#send(unsent);
    this.#goOn();
  }

  #send(bytes: Bytes): void {
    this.#out = bytes;
    this.#tcp.write(bytes).then(this.#onWritten, this.#onError);
  }

  readonly #onWritten = (count: number): void => {
    const out = this.#out;
    if (this.#over || out === undefined) return;
    if (count < out.length) return this.#send(out.subarray(count));
    this.#out = undefined;
    this.#goOn();
  };

  #goOn(): void {
    if (this.#done) this.#finish();
    else this.#read();
  }

  #finish(): void {
    const [session, admitted] = [this.#session, this.#admitted];
    if (session === undefined || admitted === undefined) return;
    this.#settle();
    const { options, ends, place } = this.#options;
    place.settle();
    const { certificate, clientAuth } = admitted;
    // what a client shows is no proof where nobody has asked for it
    const clientCertificates = clientAuth === undefined ? [] : session.peerCertificates();
    const tls = {
      ...session.facts(),
      sni: this.#sni,
      clientCert: clientCertFacts(session, clientCertificates),
      handshakeMs: performance.now() - this.#started,
    };
    options.onConnection(
      new OpenSslConnection(new OpenSslSocket(this.#tcp, session), {
        ...{ ...ends, certificate, tls, clientAuth: clientAuth?.id, clientCertificates },
      }),
      place,
    );
  }

  /** It has come and gone without a word. */
  #gone(): void {
    if (this.#over) return;
    this.cut();
    this.#options.options.onGone?.();
  }

  #refuse({ alert, error }: { alert: AlertName; error: ProxyError }): void {
    this.#fail(error, alertRecord(ALERT[alert]));
  }

  #fail(error: ProxyError, lastWord?: Uint8Array): void {
    if (this.#over) return;
    this.#settle();
    this.#session?.close();
    if (lastWord === undefined) closeQuietly(this.#tcp);
    else void closeWithLastWords(this.#tcp, this.#tcp.write(lastWord));
    const { ends: { peer }, place, options } = this.#options;
    place.leave();
    options.onHandshakeFailure({ peer, sni: this.#sni, error });
  }

  #settle(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    // else something may still come to lie in it
    if (!this.#reading) BUFFERS.give(this.#buffer);
    this.#options.settled();
  }
}

function clientCertFacts(
  session: TlsSession,
  [own]: readonly Uint8Array[],
): ClientCertFacts | undefined {
  if (own === undefined) return undefined;
  const fingerprint = createHash("sha256").update(own).digest("hex");
  return { subject: session.peerSubject() ?? "", fingerprint };
}
