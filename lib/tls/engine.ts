import type { Address } from "../core/address.ts";
import type { AddressSet } from "../core/address_set.ts";
import type { Connection } from "../io/connection.ts";
import type { TlsFacts } from "../core/tls_facts.ts";
import type { ProxyError } from "../core/errors.ts";
import type { Certificate } from "../certificates/certificate.ts";
import type { CertificateStore } from "../certificates/certificate_store.ts";
import type { Listener } from "../ports/listener.ts";
import type { Place } from "../ports/place.ts";
import type { Admission, ChallengeCertificates } from "./admission.ts";
import type { ClientHello } from "./client_hello.ts";
import type { TicketKeys } from "./openssl/ticket_keys.ts";
import type { TlsPolicy } from "./policy.ts";

/** The engines by the names that a configuration has for them. */
export type EngineName = "openssl" | "deno";

/** What a listener may need of an engine; what an engine lacks is refused or chosen around. */
export type Capability =
  /** Protocol version and cipher of a connection are known. */
  | "protocol_facts"
  /** The SNI of a connection is known. */
  | "sni_facts"
  /** Certificates are selected by SNI. */
  | "certificates_by_name"
  /** Of two certificates for one name a client gets one that it can verify. */
  | "certificates_by_key_type"
  /** Which of several certificates a connection was given is known. */
  | "certificate_facts"
  /** Sessions are resumed where there are several certificates. */
  | "resumption_by_name"
  /** A ClientHello may come in several packets where there are several certificates. */
  | "hello_in_pieces"
  /** What comes ahead of TLS can be read: the PROXY header of a proxy in front. */
  | "proxy_header"
  /** A connection can go on to a server with its TLS as it is. */
  | "passthrough"
  /** Clients can be asked for certificates, by the name that they ask for. */
  | "client_certificates"
  /** A CA that looks by TLS whose a name is gets its answer (RFC 8737). */
  | "authority_answer"
  /** A minimum protocol version can be asked for. */
  | "min_version"
  /** A name that no certificate covers can be refused. */
  | "strict_sni"
  /** The cipher suites can be chosen. */
  | "cipher_choice"
  /** The groups of the key exchange can be chosen. */
  | "group_choice"
  /** Session tickets can be switched off. */
  | "ticket_choice"
  /** A client that speaks plain HTTP gets an answer that says so. */
  | "plain_http_answer"
  /** A peer that breaks off without close_notify is told from one that ends. */
  | "truncation_seen"
  /** A connection that is broken off ends without close_notify, so that its peer can tell too. */
  | "truncation_shown";

/** A client's connection behind its handshake, and what that has settled. */
export interface TlsConnection extends Connection {
  readonly tls: TlsFacts;
  /** The certificate the client was given; undefined where the engine cannot know. */
  readonly certificate: Certificate | undefined;
  /** What the client was asked to prove (`ClientAuth.id`); undefined where it was nothing. */
  readonly clientAuth?: string | undefined;
  /** What it has proved to be: certificates as DER, its own first. */
  readonly clientCertificates?: readonly Uint8Array[];
}

/** A connection that never came to be. */
export interface HandshakeFailure {
  readonly peer: Address;
  readonly sni: string | undefined;
  readonly error: ProxyError;
}

export interface TlsListenOptions {
  readonly address: Address;
  /** Whether this takes the place of a listener of this process that still has the address. */
  readonly beside?: boolean;
  /** Settles when it may begin to accept, with whether it is to; undefined for at once. */
  readonly begins?: Promise<boolean> | undefined;
  readonly certificates: CertificateStore;
  /** ALPN names offered, best first (RFC 7301). */
  readonly alpn: readonly string[];
  /** For an engine that can; by default TLS 1.2, and the default certificate for unknown names. */
  readonly policy?: TlsPolicy;
  /** What session tickets are sealed with, for an engine that can share it; by default its own. */
  readonly tickets?: TicketKeys;
  /**
   * Decides on a ClientHello, for an engine that reads it; by default `admit` does, by `policy`,
   * `certificates` and `alpn`.
   */
  readonly admit?: (hello: ClientHello, peer: Address) => Admission;
  /** What a CA may ask for, for an engine that reads the ClientHello. */
  readonly challenge?: ChallengeCertificates;
  /** The proxies in front, each of whose connections begins with a PROXY header. */
  readonly proxies?: AddressSet;
  /** Milliseconds a client has from accept to the end of the handshake. */
  readonly handshakeTimeout: number;
  /**
   * Asked of every accepted connection before anything is read from it: one that gets no place is
   * closed at once. The place is the engine's until it hands it on with the connection. That of a
   * proxy's connection is to be named once it is known whose it is.
   */
  readonly enter?: (peer: Address) => Place | undefined;
  /** The same of one of which a proxy in front has yet to tell whose it is. */
  readonly enterUnnamed?: (peer: Address) => Place | undefined;
  readonly onConnection: (connection: TlsConnection, place: Place) => void;
  /** A connection whose TLS is another's: it begins with the ClientHello that was read. */
  readonly onPassthrough?: (connection: Connection, hello: ClientHello, place: Place) => void;
  readonly onHandshakeFailure: (failure: HandshakeFailure) => void;
  /** A client has gone without a word, maybe before it was accepted; its place has been left. */
  readonly onGone?: () => void;
  /** Something is wrong for a reason that is no client's. */
  readonly onTrouble: (reason: string) => void;
  /** Nothing can be accepted for want of something, such as descriptors; then that it can again. */
  readonly onShortage?: (reason: string) => void;
  readonly onRecovered?: () => void;
}

/** One way of accepting TLS. */
export interface TlsEngine {
  readonly name: EngineName;
  readonly can: ReadonlySet<Capability>;
  /**
   * Why it would not serve a certificate that can be read; undefined where it would. Nothing is
   * opened for it, and it takes some milliseconds.
   */
  refusal(certificate: Certificate): string | undefined;
  /**
   * @throws {ProxyError} `bad_config` where the address cannot be listened on, `unavailable` where
   *   this runtime or its permissions do not allow the engine
   */
  listen(options: TlsListenOptions): Promise<Listener>;
}
