import type { Connection, Receiver, Sender } from "../io/connection.ts";
import type { Deadline } from "../io/deadlines.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";
import { NO_BYTES, POOLED_BYTES } from "../io/buffer_pool.ts";
import { HEAD_ROOM, RoomyBuffer, spaceOf, TAIL_ROOM } from "../io/roomy_buffer.ts";
import { giveRoomy, growRoomy, takeRoomy } from "../io/roomy_pool.ts";
import type { Field } from "../http/field.ts";
import { type Range, type RequestFacts, UNKNOWN_LENGTH } from "../http/message.ts";
import { answerBodyRules, type BodyRules, withNamedTrailers } from "../http1/body_rules.ts";
import { BodyWalk } from "../http1/body_walk.ts";
import { framed, joined, lastChunk } from "../http1/outgoing.ts";
import { IncomingAnswer } from "../http1/incoming_answer.ts";
import type { HeadLimits } from "../http/limits.ts";
import { ROLE } from "../http/field_name.ts";
import { keepAliveTimeout } from "../http/keep_alive.ts";
import { OpaqueRest } from "../io/opaque_rest.ts";
import { whenSettled } from "../io/settled.ts";
import type { AnswerReader, OpaqueEnd, Seen, Sending, ServerStream } from "./server_stream.ts";

/** Where a connection goes when its request has ended; a pool. */
export interface Home {
  /** Whether it may serve another client. */
  readonly mayPool: boolean;
  put(connection: Http1Connection): void;
}

export interface Http1ConnectionOptions {
  readonly home: Home;
  readonly limits: HeadLimits;
  /** For the time that it may be idle. */
  readonly deadline: Deadline;
}

/**
 * What a connection does: nothing, wait for the head of an answer or for its reader to have passed
 * on an interim one, give a body, wait for its release; or carry what is no HTTP any more.
 */
type State =
  | "idle"
  | "head"
  | "interim"
  | "body"
  | "trailers"
  | "ended"
  | "opaque"
  | "closed";

/** A connection to a server that speaks HTTP/1.1: one request after another. */
export class Http1Connection implements ServerStream, Receiver, Sender {
  readonly takesWebSockets = true;
  readonly takesChunks = true;
  readonly givesChunks = true;
  reused = false;
  /** When it became idle, as `performance.now()` has it. */
  idleSince = 0;
  /** Milliseconds that the server lets it be idle for, where it has told. */
  keepAliveMs = Infinity;
  readonly #connection: Connection;
  readonly #options: Http1ConnectionOptions;
  readonly #rules: BodyRules;
  readonly #head = new IncomingAnswer();
  readonly #walk = new BodyWalk();
  #state: State = "idle";
  #reader: AnswerReader | undefined;
  #onGone: () => void = ignore;
  /** Small while answers are: it is all that a connection keeps that is idle or read slowly. */
  #buffer: RoomyBuffer = takeRoomy(SMALL_BYTES);
  #into: Uint8Array = spaceOf(this.#buffer, HEAD_ROOM);
  /** What has come and was not taken lies from `at` to `filled`. */
  #at = HEAD_ROOM;
  #filled = HEAD_ROOM;
  /** Whether the answer is longer than a small buffer. */
  #isLong = false;
  #receiving = false;
  /** Whether bytes of the buffer are with the reader, who may have them sent though we are closed. */
  #isLent = false;
  /** Whether the reader is being told of an interim answer. */
  #isTelling = false;
  /** Bytes of the answer's head have come. */
  #answered = false;
  /** The head that was put up, until the body's first range goes with it. */
  #request: RequestFacts | undefined;
  #sentHead: Range | undefined;
  /** Whether plain bytes of the request's body have to be framed here. */
  #frames = false;
  #answerChunks = false;
  /** Whether the request was given to its end, and whether the runtime has taken all of it. */
  #requestEnded = false;
  #requestTaken = false;
  #sending = false;

  constructor(connection: Connection, options: Http1ConnectionOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#rules = answerBodyRules(options.limits);
  }

  // The request.

  send(request: RequestFacts, sending: Sending, reader: AnswerReader): void {
    this.#options.deadline.disarm();
    this.#state = "head";
    this.#reader = reader;
    this.#request = request;
    this.#answered = false;
    this.#isLong = false;
    this.#requestEnded = false;
    this.#requestTaken = false;
    this.#answerChunks = sending.answerChunks;
    this.#frames = request.body === UNKNOWN_LENGTH && !sending.chunks;
    this.#head.begin(this.#filled, request, this.#options.limits);
    this.#sentHead = request.toHttp1(sending.forwarding, sending.changes);
    this.#receive();
  }

  body(bytes: Uint8Array, from: number, to: number, ended: boolean): void {
    if (this.#state === "closed") return;
    this.#requestEnded = ended;
    const head = this.#sentHead;
    this.#sentHead = undefined;
    const piece = this.#frames
      ? framed(head, { bytes, from, to }, ended)
      : joined(head, bytes, from, to);
    if (piece.length === 0) return this.sent();
    this.#sending = true;
    this.#connection.send(piece, this);
  }

  trailers(fields: readonly Field[]): void {
    if (this.#state === "closed") return;
    this.#requestEnded = true;
    // behind a body of a known length they would begin another request
    if (!this.#frames) return this.sent();
    this.#sending = true;
    this.#connection.send(lastChunk(fields), this);
  }

  sent(): void {
    this.#sending = false;
    this.#requestTaken = this.#requestEnded;
    this.#reader?.sent();
  }

  /** Whatever the server has said before it stopped listening is on its way yet. */
  sendFailed(): void {}

  // The answer.

  received(count: number): void {
    this.#receiving = false;
    if (this.#state === "closed") return;
    if (this.#state === "idle") return this.#leave();
    // the server has answered what it has got: that the runtime has taken it is about to be told
    if (this.#sending && this.#requestEnded) return whenSettled(() => this.#take(count));
    this.#take(count);
  }

  receiveFailed(error: Error): void {
    this.#receiving = false;
    if (this.#state === "closed") return;
    if (this.#state === "idle") return this.#leave();
    this.#fail(asProxyError(error, "upstream_gone"));
  }

  resume(): void {
    this.#isLent = false;
    switch (this.#state) {
      case "interim":
        this.#state = "head";
        this.#head.begin(this.#at, this.#asked, this.#options.limits);
        // one that is passed on at once is followed by the next where it was read
        return this.#isTelling ? undefined : this.#readNextHead();
      case "body":
        if (this.#isLong && this.#size < POOLED_BYTES) this.#use(takeRoomy());
        this.#at = this.#filled = HEAD_ROOM;
        return this.#receive();
      case "trailers":
        this.#state = "ended";
        return this.#reader?.answerTrailers(this.#walk.trailers);
      default:
    }
  }

  tunnel(): OpaqueEnd {
    this.#state = "opaque";
    const rest = this.#buffer.bytes.slice(this.#at, this.#filled);
    this.#giveBuffer();
    return new OpaqueRest(this.#connection, rest);
  }

  // Its end.

  release(): void {
    this.#isLent = false;
    const clean = this.#isClean && this.#options.home.mayPool;
    if (!clean) return this.abort();
    this.#rest();
    this.#options.home.put(this);
  }

  retain(onGone: () => void): boolean {
    this.#isLent = false;
    if (this.#isClean) {
      this.#rest();
      this.wait(Infinity, onGone);
      return true;
    }
    this.abort();
    return false;
  }

  abort(error?: ProxyError): void {
    if (this.#state === "closed") return;
    // nothing but a reset tells opaque bytes that are cut off from those that have ended
    const breaks = this.#state === "opaque" && error !== undefined;
    this.#state = "closed";
    this.#reader = undefined;
    this.#onGone = ignore;
    this.#options.deadline[Symbol.dispose]();
    if (breaks) this.#connection.reset(error);
    else this.#connection.close(error);
    if (!this.#isLent && !this.#receiving && !this.#connection.reading) this.#giveBuffer();
  }

  /**
   * Waits for the next request. It is read ahead of need: whatever comes, an end or bytes that nobody
   * has asked for, means that it is of no more use.
   */
  wait(ms: number, onGone: () => void): void {
    this.#onGone = onGone;
    this.#receive();
    if (ms < Infinity) this.#options.deadline.arm(ms, this.#onIdle);
  }

  /** Whether nothing has been heard of its end so far. */
  get isOpen(): boolean {
    return this.#state !== "closed";
  }

  readonly #onIdle = (): void => this.#leave();

  #leave(): void {
    const onGone = this.#onGone;
    this.abort();
    onGone();
  }

  /** It has never been used, or request and answer have come to an end with nothing behind it. */
  get #isClean(): boolean {
    if (this.#state === "idle") return true;
    return this.#state === "ended" && this.#requestTaken && this.#head.goesOn &&
      this.#at === this.#filled;
  }

  #rest(): void {
    if (this.#state === "ended") this.reused = true;
    this.#state = "idle";
    this.#reader = undefined;
    this.#request = undefined;
    this.#isLent = false;
    if (!this.#isLong && this.#size > SMALL_BYTES) this.#use(takeRoomy(SMALL_BYTES));
    this.#at = this.#filled = HEAD_ROOM;
    this.idleSince = performance.now();
  }

  get #asked(): RequestFacts {
    return this.#request as RequestFacts;
  }

  #receive(): void {
    if (this.#receiving) return;
    this.#receiving = true;
    const into = this.#filled === HEAD_ROOM ? this.#into : spaceOf(this.#buffer, this.#filled);
    this.#connection.receive(into, this);
  }

  #take(count: number): void {
    if (this.#state === "closed") return;
    try {
      if (count === 0) return this.#ended();
      this.#answered = true;
      this.#filled += count;
      this.#isLong ||= this.#filled >= HEAD_ROOM + SMALL_BYTES;
      if (this.#state === "head") this.#readHead();
      else if (this.#state === "body") this.#giveBody(this.#reader as AnswerReader);
    } catch (error) {
      this.#fail(asProxyError(error, "internal"));
    }
  }

  /** Reads what has come with an interim answer: what is wrong with it is no fault of who goes on. */
  #readNextHead(): void {
    try {
      this.#readHead();
    } catch (error) {
      this.#fail(asProxyError(error, "internal"));
    }
  }

  #readHead(): void {
    while (this.#at < this.#filled && this.#head.read(this.#buffer, this.#filled)) {
      this.#at = this.#head.end;
      if (this.#head.status >= 200) return this.#begin(this.#reader as AnswerReader);
      this.#tellInterim(this.#reader as AnswerReader);
      if (this.#state !== "head") return;
    }
    this.#readMore();
  }

  #tellInterim(reader: AnswerReader): void {
    this.#state = "interim";
    this.#isLent = true;
    this.#isTelling = true;
    reader.answer(this.#head);
    this.#isTelling = false;
  }

  /** An answer begins that is no interim one. */
  #begin(reader: AnswerReader): void {
    const { body, isChunked } = this.#head;
    this.#state = "body";
    if (this.#head.has(ROLE.keepAlive)) {
      this.keepAliveMs = keepAliveTimeout(this.#head.values("keep-alive")) ?? Infinity;
    }
    const rules = isChunked ? withNamedTrailers(this.#rules, this.#head) : this.#rules;
    this.#walk.begin(body, isChunked, rules);
    this.#walk.chunks = this.#answerChunks;
    // walked over before anybody knows of the answer: what is malformed at once is no answer
    this.#takeFirst();
    this.#isLent = true;
    reader.answer(this.#head);
    this.#giveWalked(reader);
  }

  #takeFirst(): void {
    const room = this.#walk.before(this.#filled - this.#at);
    if (room > 0) this.#head.makeRoom(room);
    this.#walk.take(this.#buffer, this.#at, this.#filled, room);
    this.#at = this.#walk.at;
  }

  #readMore(): void {
    if (this.#filled === this.#buffer.bytes.length - TAIL_ROOM) {
      if (this.#at > HEAD_ROOM) this.#dropInterim();
      else this.#use(growRoomy(this.#buffer, this.#filled));
    }
    this.#receive();
  }

  /** Interim answers that were passed on make room for what follows them. */
  #dropInterim(): void {
    this.#buffer.bytes.copyWithin(HEAD_ROOM, this.#at, this.#filled);
    this.#filled -= this.#at - HEAD_ROOM;
    this.#at = HEAD_ROOM;
    this.#head.begin(HEAD_ROOM, this.#asked, this.#options.limits);
    this.#head.read(this.#buffer, this.#filled);
  }

  #giveBody(reader: AnswerReader): void {
    this.#walk.take(this.#buffer, this.#at, this.#filled);
    this.#at = this.#walk.at;
    this.#isLent = true;
    this.#giveWalked(reader);
  }

  #giveWalked(reader: AnswerReader): void {
    // its reader may have had enough of it
    if (this.#state !== "body") return;
    const { buffer, from, to, ended, trailers } = this.#walk;
    const trailersFollow = ended && !this.#answerChunks && trailers.length > 0;
    if (ended) this.#state = trailersFollow ? "trailers" : "ended";
    reader.answerBody(buffer, from, to, ended && !trailersFollow);
  }

  /** The server has half-closed: that ends a body without a length, and breaks off any other answer. */
  #ended(): void {
    if (this.#state === "body") {
      this.#walk.finish(this.#buffer, HEAD_ROOM);
      this.#isLent = true;
      return this.#giveWalked(this.#reader as AnswerReader);
    }
    throw this.#head.isInside
      ? new ProxyError("truncated_response", "The server broke off inside an answer's head")
      : new ProxyError("upstream_gone", "The server closed the connection without an answer");
  }

  #fail(error: ProxyError): void {
    const reader = this.#reader;
    const stale = this.reused && !this.#answered && error.code === "upstream_gone";
    const seen: Seen = stale ? "perhaps" : "yes";
    this.abort(error);
    reader?.serverFailed(error, seen);
  }

  /** Bytes that the buffer has room for, besides what it has at both ends. */
  get #size(): number {
    return this.#buffer.bytes.length - HEAD_ROOM - TAIL_ROOM;
  }

  /** Goes on in another buffer, where nothing lies in this one that is needed yet. */
  #use(buffer: RoomyBuffer): void {
    // a look for more may still fill it
    if (!this.#connection.reading) giveRoomy(this.#buffer);
    this.#buffer = buffer;
    this.#into = spaceOf(buffer, HEAD_ROOM);
  }

  #giveBuffer(): void {
    giveRoomy(this.#buffer);
    this.#buffer = NONE;
    this.#into = NO_BYTES;
  }
}

/** Bytes of a small buffer: heads and most answers of an API fit. */
const SMALL_BYTES = 8 * 1024;

/** Instead of a buffer that was given back. */
const NONE = new RoomyBuffer(0);

function ignore(): void {}
