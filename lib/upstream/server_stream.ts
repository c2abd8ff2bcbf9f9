import type { Connection } from "../io/connection.ts";
import type { ProxyError } from "../core/errors.ts";
import type { Field } from "../http/field.ts";
import type { AnswerFacts, Forwarding, RequestChanges, RequestFacts } from "../http/message.ts";
import type { HeadLimits } from "../http/limits.ts";
import type { Origin, ProxyProtocolVersion } from "./proxy_protocol.ts";

/**
 * The server's side of one exchange: an HTTP/1.1 connection, which has one at a time, or one stream
 * of HTTP/2. It renders requests and reads answers in its own framing.
 *
 * Bytes go by ranges. One belongs to its receiver, which may write into the bytes of the range
 * itself, until the receiver says that it is done with it: only then is its buffer used again. No
 * second range is given before that. What a stream does is told to its `AnswerReader`, maybe before
 * the call that caused it returns.
 */
export interface ServerStream {
  /** Whether its connection has served before, for logs. */
  readonly reused: boolean;
  /** Whether a request for a WebSocket can go by it: not by HTTP/2 without extended CONNECT. */
  readonly takesWebSockets: boolean;
  /**
   * A body of unknown length can go in chunks, as RFC 9112, section 7.1, has them and this proxy
   * would write them, its last chunk and its trailers among them. That is done where who gives
   * (`givesChunks`) and who takes (`takesChunks`) both can; else the bytes are plain.
   */
  readonly takesChunks: boolean;
  readonly givesChunks: boolean;
  /** Puts up a head. One `body` follows at once, which may be empty; both go together. */
  send(request: RequestFacts, sending: Sending, reader: AnswerReader): void;
  /**
   * Sends a range of the request's body; `AnswerReader.sent` says that it is done.
   *
   * @param ended whether it is the last
   */
  body(bytes: Uint8Array, from: number, to: number, ended: boolean): void;
  /** Ends a body whose bytes were plain with trailers, instead of a last range. */
  trailers(fields: readonly Field[]): void;
  /** The reader is done with what it was given last, and takes more. */
  resume(): void;
  /** Behind a 101: what comes and goes means nothing to HTTP any more. */
  tunnel(): OpaqueEnd;
  /** Ends it: for other requests where request and answer have both ended cleanly. */
  release(): void;
  /**
   * Ends it like `release`, but only who calls this may use it again, by another `send`.
   *
   * @param onGone called where it is of no more use, before it was used again
   * @returns whether it can be used again; else it is over
   */
  retain(onGone: () => void): boolean;
  /** Breaks it off; its reader hears no more of it. */
  abort(error?: ProxyError): void;
}

/** How a request is sent. */
export interface Sending {
  readonly forwarding: Forwarding;
  readonly changes: RequestChanges | undefined;
  /** Whether the request's body comes in chunks. */
  readonly chunks: boolean;
  /** Whether the answer's body is to come in chunks, where its length is unknown. */
  readonly answerChunks: boolean;
}

/** Who gets to know what a server does. */
export interface AnswerReader {
  /** The range of the request is done with. */
  sent(): void;
  /**
   * An answer begins, and one `answerBody` follows at once, which may be empty. An interim one (1xx,
   * so also the last of them, a 101) stands alone, and is to be answered by `resume`, or `tunnel`.
   */
  answer(head: AnswerFacts): void;
  /**
   * A range of the body; to be answered by `resume`.
   *
   * @param ended whether it is the last; then by `release`
   */
  answerBody(bytes: Uint8Array, from: number, to: number, ended: boolean): void;
  /** The body, whose bytes were plain, ends with trailers. */
  answerTrailers(fields: readonly Field[]): void;
  /**
   * It is over before its end: it must not be used any more.
   *
   * @param seen whether the server has seen the request, as far as the framing tells
   */
  serverFailed(error: ProxyError, seen: Seen): void;
}

/**
 * Whether a server may have acted on a request that failed: `no` where it says so (RFC 9113, section
 * 8.7) or nothing was sent, `perhaps` where it has closed a connection that was idle just when the
 * request was sent on it, without a byte of an answer (RFC 9112, section 9.3.1).
 */
export type Seen = "no" | "perhaps" | "yes";

/** One end of what carries opaque bytes. */
export type OpaqueEnd =
  & Pick<Connection, "read" | "release" | "write" | "endWrites" | "reset" | "bytes">
  & Partial<Pick<Connection, "taken">>
  & {
    /**
     * Ends what is read of it, though its peer has not: the server has nothing more to say to it.
     * Left out where the peer is left to end it, with its connection.
     */
    endReads?(): void;
  };

/** How connections to a server are made. */
export interface Dialing {
  /** Milliseconds. */
  readonly connectTimeout: number;
  readonly proxyProtocol: ProxyProtocolVersion | undefined;
  /** On the heads of answers. */
  readonly limits: HeadLimits;
}

/** Where requests get their connections to a server from. */
export interface StreamSource {
  /**
   * One that can take a request now; undefined where there is none.
   *
   * @param careful for a request that may be sent but once: a connection that has been idle for a
   *   while is looked at before it is given
   */
  take(careful: boolean): ServerStream | undefined | Promise<ServerStream | undefined>;
  /**
   * A new one.
   *
   * @param origin the connection it is for
   * @throws {ProxyError} `connect_failed` or `connect_timeout`
   */
  open(origin: Origin, dialing: Dialing): Promise<ServerStream>;
}

/** The connections to one server, for requests. */
export interface ServerConnections extends StreamSource {
  /** How many are open and do nothing. */
  readonly idleCount: number;
  /** Closes what is idle now. */
  clear(): void;
  /** Closes what is idle now and whatever comes back later. */
  close(): void;
}
