import { asProxyError, ProxyError } from "../core/errors.ts";
import type { Field } from "../http/field.ts";
import type { StreamReset } from "../http2/connection.ts";
import { WINDOWS } from "../http2/connection.ts";
import {
  DialedConnection,
  type DialedEvents,
  type SentRequest,
} from "../http2/dialed_connection.ts";
import type { Http2Error } from "../http2/http2_error.ts";
import { Pump, type PumpUser } from "../http2/pump.ts";
import type { Http2ResponseHead } from "../http2/response_head.ts";
import type { Stream } from "../http2/stream.ts";
import { ERROR, errorName, withError } from "../http2/wire.ts";
import type { HeadLimits } from "../http/limits.ts";
import type { Connection } from "../io/connection.ts";
import type { Deadline, Deadlines } from "../io/deadlines.ts";
import { Http2ServerStream, type StreamCarrier } from "./http2_server_stream.ts";

/** What a connection to a server may do, and who is told what becomes of it. */
export interface Http2ConnectionOptions {
  readonly limits: HeadLimits;
  /** That of the URIs of its requests. */
  readonly scheme: "https" | "http";
  readonly deadlines: Deadlines;
  /** Milliseconds that it may do nothing for. */
  readonly idleTimeout: number;
  /** It has nothing to do, and is kept. */
  readonly onIdle: () => void;
  /** It takes no more requests. */
  readonly onGone: () => void;
  /** The server wants HTTP/1.1; undefined where it cannot be asked by that. */
  readonly onHttp1Required: (() => void) | undefined;
}

/** How long a server has to answer a PING. */
const PING_MS = 5_000;
/**
 * Milliseconds before a server is asked again that has sent nothing but its last answer to that:
 * some, such as those of gRPC, end a connection on which they are asked too often.
 */
const DOUBT_MS = 60_000;

/** A connection to a server that speaks HTTP/2: many requests at a time. */
export class Http2Connection implements StreamCarrier, DialedEvents<Http2ServerStream>, PumpUser {
  readonly protocol: DialedConnection<Http2ServerStream>;
  /** Requests that were answered. */
  served = 0;
  /** When it became idle, as `performance.now()` has it. */
  idleSince = performance.now();
  /** Streams that were given and not opened so far. */
  reserved = 0;
  /** Settles when the server has said what it allows. */
  readonly settling: PromiseWithResolvers<void> = Promise.withResolvers();
  /** The error that the server has told with its last GOAWAY. */
  leavesBy: number = ERROR.noError;
  readonly #connection: Connection;
  readonly #pump: Pump;
  readonly #options: Http2ConnectionOptions;
  readonly #idleDeadline: Deadline;
  #closed = false;
  #isRetired = false;
  /** Whether it is not kept for requests to come. */
  #isLast = false;
  #onPong: (() => void)[] = [];
  /** Whether the server is there, while that is found out. */
  #checking: Promise<boolean> | undefined;
  /** When the server was asked last whether it is there, and what it had sent with its answer. */
  #doubtedAt = 0;
  #doubtedBytes = -1;

  constructor(connection: Connection, options: Http2ConnectionOptions) {
    this.#connection = connection;
    this.#pump = new Pump(connection, this);
    this.#options = options;
    this.#idleDeadline = options.deadlines.watch();
    this.settling.promise.catch(() => {});
    this.protocol = new DialedConnection<Http2ServerStream>(this, {
      ...WINDOWS,
      limits: options.limits,
      now: () => performance.now(),
    });
    this.#pump.start(this.protocol);
  }

  /** How many more requests it can take now. */
  get available(): number {
    return this.#closed || this.#isRetired ? 0 : this.protocol.available - this.reserved;
  }

  get isIdle(): boolean {
    return !this.#closed && this.protocol.streams.size + this.reserved === 0;
  }

  /** Whether it takes no more requests. */
  get isGone(): boolean {
    return this.#closed || this.protocol.isGoingAway;
  }

  /** Bytes that the server has sent. */
  get bytesRead(): number {
    return this.#connection.bytes.read;
  }

  /** A stream for one request. */
  reserve(): Http2ServerStream {
    this.reserved++;
    this.#idleDeadline.disarm();
    return new Http2ServerStream(this);
  }

  /** Sends a request's head. */
  open(owner: Http2ServerStream, request: SentRequest, ended: boolean): Stream<Http2ServerStream> {
    this.reserved--;
    return this.protocol.open(owner, request, ended);
  }

  /** A stream that was given is not needed. */
  unreserve(): void {
    this.reserved--;
    this.idle();
  }

  /** A stream has something for its reader, once all that has come is read. */
  ready(stream: Http2ServerStream): void {
    this.#pump.ready(stream);
  }

  /**
   * Whether the server answers at once; one that does not is left. All who ask at the same time share
   * one PING: servers of gRPC end a connection on which a few come without a request in between.
   */
  check(): Promise<boolean> {
    this.#checking ??= this.#ping(() =>
      this.close(new ProxyError("upstream_gone", "The server does not answer a PING"))
    ).finally(() => this.#checking = undefined);
    return this.#checking;
  }

  /**
   * A request was given up, and nothing was heard of the server since it was sent: it may be gone
   * without a word, as behind a firewall that has forgotten the connection. Where it does not answer
   * it gets no more requests here. Those that run may go on: it may be busy.
   */
  doubt(): void {
    const now = performance.now();
    if (this.#doubtedBytes === this.bytesRead && now - this.#doubtedAt < DOUBT_MS) return;
    this.#doubtedAt = now;
    this.#doubtedBytes = this.bytesRead;
    this.#ping(() => this.retire()).then(() => this.#doubtedBytes = this.bytesRead);
  }

  /** Ends it once nothing runs on it. */
  retire(): void {
    this.#isRetired = true;
    this.idle();
  }

  /** Ends it once nothing runs on it; those that wait for it can still use it. */
  endWhenIdle(): void {
    this.#isLast = true;
  }

  get mayGoByHttp1(): boolean {
    return this.#options.onHttp1Required !== undefined;
  }

  get scheme(): "https" | "http" {
    return this.#options.scheme;
  }

  /** Ends it while it is idle: the server is told that all is well (RFC 9113, section 5.4.1). */
  leave(): void {
    this.protocol.finish();
    this.#pump.flush();
    this.close();
  }

  /** Ends it; requests that run on it fail. */
  close(reason?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pump.stop();
    const message = reason?.message ?? "The connection to the server was closed";
    this.protocol.lost(message);
    this.settling.reject(asProxyError(reason ?? new Error(message), "upstream_gone"));
    this.#connection.close(reason);
    this.#idleDeadline[Symbol.dispose]();
    for (const resolve of this.#onPong.splice(0)) resolve();
    this.#options.onGone();
  }

  /**
   * Asks the server for an answer.
   *
   * @param onLate called where none comes in time
   * @returns whether one did, and it takes requests still
   */
  #ping(onLate: () => void): Promise<boolean> {
    if (this.isGone) return Promise.resolve(false);
    const deadline = this.#options.deadlines.watch();
    return new Promise<boolean>((resolve) => {
      deadline.arm(PING_MS, () => {
        onLate();
        resolve(false);
      });
      this.#onPong.push(() => resolve(!this.isGone));
      this.protocol.ping();
    }).finally(() => deadline[Symbol.dispose]());
  }

  // What the protocol tells.

  response(stream: Stream<Http2ServerStream>, head: Http2ResponseHead, ended: boolean): void {
    stream.owner?.answered(head, ended);
  }

  data(
    stream: Stream<Http2ServerStream>,
    bytes: Uint8Array,
    from: number,
    to: number,
    ended: boolean,
  ): void {
    stream.owner?.received(bytes, from, to, ended);
  }

  trailers(stream: Stream<Http2ServerStream>, fields: readonly Field[]): void {
    stream.owner?.receivedTrailers(fields);
  }

  reset(stream: Stream<Http2ServerStream>, reset: StreamReset): void {
    if (reset.by === "peer" && reset.code === ERROR.http11Required) {
      this.#options.onHttp1Required?.();
    }
    stream.owner?.failed(reset);
  }

  taken(stream: Stream<Http2ServerStream>): void {
    stream.owner?.taken();
  }

  settled(): void {
    this.settling.resolve();
  }

  goingAway(code: number): void {
    this.leavesBy = code;
    if (code === ERROR.http11Required) this.#options.onHttp1Required?.();
    this.#options.onGone();
    this.idle();
  }

  pong(): void {
    for (const resolve of this.#onPong.splice(0)) resolve();
  }

  idle(): void {
    if (!this.isIdle) return;
    this.idleSince = performance.now();
    const { idleTimeout } = this.#options;
    const isWanted = !this.#isRetired && !this.#isLast && idleTimeout > 0;
    if (this.protocol.isGoingAway || !isWanted) return this.leave();
    this.#idleDeadline.arm(idleTimeout, () => this.leave());
    this.#options.onIdle();
  }

  output(): void {
    this.#pump.flushSoon();
  }

  failed({ code, message }: Http2Error): void {
    const error = new ProxyError("bad_response", `${message} (${errorName(code)})`);
    this.#pump.flush();
    this.close(error);
  }

  // What the pump tells.

  peerEnded(): void {
    const reason = withError("The server closed the connection", this.leavesBy);
    this.close(new ProxyError("upstream_gone", reason));
  }

  receiveFailed(error: Error): void {
    this.close(asProxyError(error, "upstream_gone"));
  }

  /** What the server has said before it stopped listening is on its way yet. */
  sendFailed(): void {}

  onBug(reason: unknown): void {
    this.close(asProxyError(reason, "internal"));
  }
}
