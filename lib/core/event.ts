import type { Address } from "./address.ts";
import type { TlsFacts } from "./tls_facts.ts";
import type { ProxyError } from "./errors.ts";

/** Everything the proxy has to tell while it serves; observers decide what becomes of it. */
export type ProxyEvent =
  | HandshakeDone
  | PassthroughBegun
  | HandshakeFailed
  | Probed
  | PlainConnection
  | ConnectionEnded
  | RequestServed
  | ServerFailed
  | ServerReached
  | ServerStateChanged
  | ServersResolved
  | ResolveFailed
  | ListenerTrouble
  | ListenerRecovered
  | ConnectionsRefused
  | Reloaded
  | ReloadFailed
  | CertificateExpiring
  | CertificateObtained
  | CertificateFailed
  | ClusterChanged
  | WorkerDied;

/** Takes events; it must not throw and must not block. */
export type Observer = (event: ProxyEvent) => void;

/** A client's TLS handshake has ended well. */
export interface HandshakeDone {
  readonly kind: "handshake";
  readonly peer: Address;
  readonly tls: TlsFacts;
}

/** A connection goes on to a server with its TLS as it is. */
export interface PassthroughBegun {
  readonly kind: "passthrough";
  readonly peer: Address;
  readonly sni: string | undefined;
}

/** A client's connection has come to its end before its handshake did. */
export interface HandshakeFailed {
  readonly kind: "handshake_failed";
  /** Undefined of a client that had gone before it was accepted. */
  readonly peer: Address | undefined;
  readonly sni: string | undefined;
  readonly error: ProxyError;
}

/** A connection by which nothing came is over: probes of a port leave without a word. */
export interface Probed {
  readonly kind: "probed";
  /** Where it has come to. */
  readonly listen: Address;
}

/** A connection without TLS has come, or is no more: those with TLS are told of by handshakes. */
export interface PlainConnection {
  readonly kind: "plain_connection";
  readonly peer: Address;
  readonly state: "open" | "closed";
}

/** A client's connection is over, well or not, as far as it was served. */
export interface ConnectionEnded {
  readonly kind: "connection_end";
  readonly peer: Address;
  /** Plaintext bytes from the client. */
  readonly bytesIn: number;
  /** Plaintext bytes to the client. */
  readonly bytesOut: number;
  readonly durationMs: number;
  /** Requests answered; undefined in tcp mode. */
  readonly requests: number | undefined;
  /** Of a tcp connection, like the next two, where one was found. */
  readonly route: string | undefined;
  readonly backend: string | undefined;
  /** The server that was reached. */
  readonly server: string | undefined;
  /** Milliseconds until a server was reached, in tcp mode. */
  readonly waitMs: number | undefined;
  /** Undefined where there was no TLS. */
  readonly tls: TlsFacts | undefined;
  /** Whether TLS was the server's: nothing is known of it but the name. */
  readonly passthrough?: boolean;
  /** What broke it off; undefined for a clean end. */
  readonly error: ProxyError | undefined;
}

/** A request was answered, by a server or here, or has failed; bytes that are none count, too. */
export interface RequestServed {
  readonly kind: "request";
  readonly peer: Address;
  /** Under which the request is found in other logs; undefined where the bytes were no request. */
  readonly id: string | undefined;
  /** The address of the client, where the peer is a trusted proxy that has told it. */
  readonly client: string | undefined;
  /** Undefined, like the next two, where the bytes were no request. */
  readonly method: string | undefined;
  readonly target: string | undefined;
  readonly host: string | undefined;
  /** `HTTP/2`, `HTTP/1.1` or `HTTP/1.0`; undefined where the bytes were no request. */
  readonly version: string | undefined;
  readonly status: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** What has become of the answer's body, where the proxy has compressed it: by what, in bytes. */
  readonly coded?:
    | { readonly coding: string; readonly bytesIn: number; readonly bytesOut: number }
    | undefined;
  readonly durationMs: number;
  /** The hosts and paths of the route, as one text; undefined where none matched. */
  readonly route: string | undefined;
  /** The rule of the route that has answered it: `deny`, `rate_limit`, `redirect` and the like. */
  readonly rule: string | undefined;
  readonly backend: string | undefined;
  readonly server: string | undefined;
  /** How many servers were asked; 0 where the proxy answered by itself. */
  readonly attempts: number;
  /** Whether the last attempt used a connection that had served before. */
  readonly reused: boolean;
  /** Milliseconds until a connection to the server was at hand, of the last attempt. */
  readonly waitMs: number | undefined;
  /** Milliseconds until the head of the server's answer had come. */
  readonly firstByteMs: number | undefined;
  /** Undefined where there was no TLS. */
  readonly tls: TlsFacts | undefined;
  /** The trace that the request belongs to (W3C Trace Context), only while traces are made. */
  readonly traceparent?: string | undefined;
  /** How it failed, where it did. */
  readonly error: ProxyError | undefined;
}

/** A server could not be reached or broke the protocol. */
export interface ServerFailed {
  readonly kind: "server_failed";
  readonly backend: string;
  readonly server: string;
  readonly error: ProxyError;
  /** Whether its answer had begun, beyond interim ones. */
  readonly begun: boolean;
}

/** A server has taken a connection: the end of what it is for may be far. */
export interface ServerReached {
  readonly kind: "server_reached";
  readonly backend: string;
  readonly server: string;
}

/**
 * What becomes of a server: `ejected` is out for a while for what real requests met there, of one
 * that is `pending` no check has told yet, and one that is `unchecked` has none.
 */
export type ServerState = "pending" | "unchecked" | "up" | "down" | "ejected" | "draining";

/** A server has come or gone, once for each change. */
export interface ServerStateChanged {
  readonly kind: "server_state";
  readonly backend: string;
  readonly server: string;
  readonly state: "up" | "down" | "ejected";
  /** For a person. */
  readonly reason: string;
}

/** A name has other addresses than before. */
export interface ServersResolved {
  readonly kind: "servers_resolved";
  readonly backend: string;
  readonly name: string;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/**
 * A name could not be resolved, for the first time in a row, and its last addresses go on; or it has
 * come to have more than are used.
 */
export interface ResolveFailed {
  readonly kind: "resolve_failed";
  readonly backend: string;
  readonly name: string;
  readonly error: ProxyError;
  /** How many addresses go on. */
  readonly kept: number;
}

/** Something is wrong with a listener for a reason that is no client's. */
export interface ListenerTrouble {
  readonly kind: "listener_trouble";
  readonly listen: Address;
  readonly reason: string;
  /** Whether it goes on accepting; where not, for want of descriptors say, it tells when it does. */
  readonly accepts: boolean;
}

/** A listener that could not accept does again. */
export interface ListenerRecovered {
  readonly kind: "listener_recovered";
  readonly listen: Address;
}

/** Connections were closed at once, as a limit was reached; told at most once a second. */
export interface ConnectionsRefused {
  readonly kind: "connections_refused";
  readonly listen: Address;
  /** Whose the last of them was. */
  readonly peer: Address;
  /** Which limit, of all connections, of those of one address, or of handshakes that go on. */
  readonly limit: "connections" | "connectionsPerIp" | "handshakes";
  readonly count: number;
}

/** A new configuration is in force. */
export interface Reloaded {
  readonly kind: "reloaded";
  /** What asked for it. */
  readonly reason: string;
  /** In words; empty where nothing has changed. */
  readonly changes: readonly string[];
  readonly warnings: readonly string[];
}

/** A new configuration was refused; the old one goes on. */
export interface ReloadFailed {
  readonly kind: "reload_failed";
  readonly reason: string;
  /** One line each, with file, line and column where they stand in a file. */
  readonly problems: readonly string[];
}

/** A thread that serves has died, with its connections; another takes its place. */
export interface WorkerDied {
  readonly kind: "worker_died";
  /** From 0. */
  readonly worker: number;
  readonly reason: string;
}

/** A CA has given a certificate, which is served from now on. */
export interface CertificateObtained {
  readonly kind: "certificate_obtained";
  readonly names: readonly string[];
  readonly notAfter: Date;
}

/** A CA has given none; the one at hand is served on. */
export interface CertificateFailed {
  readonly kind: "certificate_failed";
  readonly names: readonly string[];
  /** In the CA's words, where it has some. */
  readonly reason: string;
  /** When it is asked again. */
  readonly again: Date;
}

/** What replicas share has gone, or is there again; what is held goes on either way. */
export interface ClusterChanged {
  readonly kind: "cluster";
  readonly state: "up" | "down";
  /** `host:port` of the Redis. */
  readonly redis: string;
  /** Why it is down. */
  readonly reason: string;
}

/** A certificate that is in use ends soon, or has ended. */
export interface CertificateExpiring {
  readonly kind: "certificate_expiring";
  /** The path of its file. */
  readonly certificate: string;
  readonly notAfter: Date;
  /** Days left; negative once it has expired. */
  readonly days: number;
}
