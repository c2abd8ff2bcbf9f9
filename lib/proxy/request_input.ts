import type { Connection, Receiver } from "../io/connection.ts";
import { asProxyError, type ProxyError } from "../core/errors.ts";
import { HEAD_ROOM, RoomyBuffer, spaceOf, TAIL_ROOM } from "../io/roomy_buffer.ts";
import { giveRoomy, growRoomy, takeRoomy } from "../io/roomy_pool.ts";
import { UNKNOWN_LENGTH } from "../http/message.ts";
import { type BodyRules, requestBodyRules, withNamedTrailers } from "../http1/body_rules.ts";
import { BodyWalk } from "../http1/body_walk.ts";
import { IncomingRequest } from "../http1/incoming_request.ts";
import type { RequestLimits } from "../http/limits.ts";

/** Who reads requests. */
export interface InputUser {
  /** Some more has come. */
  inputCame(): void;
  /** The client has half-closed. */
  inputEnded(): void;
  inputFailed(error: ProxyError): void;
}

/** Bytes to read into while little comes: what an idle connection costs. Most heads fit. */
const SMALL_BYTES = 2 * 1024;
const SMALL_SIZE = HEAD_ROOM + SMALL_BYTES + TAIL_ROOM;
/** The most of them, for a client whose last request did not fit: its cookies go with the next. */
const MOST_SMALL_BYTES = 8 * 1024;

/**
 * What a client sends, in the buffer that it is read into: the head of a request and its body, and
 * maybe some of the next. The buffer is small while it does, and grows with a head that needs more;
 * bodies are read into large ones.
 */
export class RequestInput implements Receiver {
  readonly request = new IncomingRequest();
  readonly walk = new BodyWalk();
  /** Whether the client has half-closed. */
  hasEnded = false;
  /**
   * Whether bytes of the request are with somebody who may still send them: the runtime goes on with
   * a write though its socket is closed, so that they must not be overwritten by anything else.
   */
  isLent = false;
  /** Whether something is asked for that has not come. */
  isReceiving = false;
  readonly #connection: Connection;
  readonly #user: InputUser;
  #chunks = false;
  #limits: RequestLimits = { headerBytes: 0, headers: 0 };
  /** Kept while a large one is in use. */
  #small = takeRoomy(SMALL_BYTES);
  #smallSpace = spaceOf(this.#small, HEAD_ROOM);
  #buffer = this.#small;
  /** Bytes that have come of a request, with what has come behind it. */
  #came = 0;
  /** What has come and was not taken lies from `at` to `filled`. */
  #at = HEAD_ROOM;
  #filled = HEAD_ROOM;

  constructor(connection: Connection, user: InputUser) {
    this.#connection = connection;
    this.#user = user;
  }

  /** Whether something has come that was not taken. */
  get hasMore(): boolean {
    return this.#at < this.#filled;
  }

  /** Begins with a head, from what was not taken on. */
  begin(limits: RequestLimits): void {
    this.#limits = limits;
    this.#came = this.#filled - this.#at;
    this.request.begin(this.#at, limits);
  }

  /**
   * Reads on in the head.
   *
   * @returns whether it is whole
   * @throws {ProxyError} where it is none or refused
   */
  readHead(): boolean {
    if (this.request.read(this.#buffer, this.#filled)) {
      this.#at = this.request.end;
      this.walk.begin(this.request.body, true, this.#bodyRules());
      return true;
    }
    if (this.#filled === this.#capacity) this.#makeRoom();
    return false;
  }

  /**
   * Takes what is at hand of the body: `walk` says what of it is to go on.
   *
   * @throws {ProxyError}
   */
  takeBody(): void {
    this.walk.take(this.#buffer, this.#at, this.#filled);
    this.#at = this.walk.at;
  }

  /** Whether the body goes on in chunks, where its length is unknown. */
  asChunks(chunks: boolean): void {
    this.#chunks = chunks;
    this.walk.chunks = chunks;
  }

  /** Whether trailers are to go on behind the last range. */
  get trailersFollow(): boolean {
    return this.walk.ended && !this.#chunks && this.walk.trailers.length > 0;
  }

  /** More of the body goes to the beginning of a large buffer, where what has come is over. */
  renew(): void {
    if (this.hasMore || this.#isBusy) return;
    this.request.leaveBuffer();
    if (this.#buffer === this.#small) this.#buffer = takeRoomy();
    this.#at = this.#filled = HEAD_ROOM;
  }

  /** A request is over: what follows is read into a small buffer, where it can be. */
  rest(): void {
    if (this.isLent) this.#leaveBuffer();
    if (this.hasMore || this.#isBusy) return;
    this.#giveLarge();
    if (this.#came > this.#capacity - HEAD_ROOM && this.#came <= MOST_SMALL_BYTES) {
      giveRoomy(this.#small);
      this.#readInto(takeRoomy(2 ** Math.ceil(Math.log2(this.#came))));
    }
    this.#at = this.#filled = HEAD_ROOM;
  }

  /** Asks for more, where there is room for it. */
  receive(): void {
    if (this.isReceiving || this.hasEnded || this.#filled === this.#capacity) return;
    this.isReceiving = true;
    const isFirst = this.#buffer === this.#small && this.#filled === HEAD_ROOM;
    this.#connection.receive(
      isFirst ? this.#smallSpace : spaceOf(this.#buffer, this.#filled),
      this,
    );
  }

  /** What has come and was not taken, for who goes on without HTTP. */
  takeRest(): Uint8Array {
    const rest = this.#buffer.bytes.slice(this.#at, this.#filled);
    this.#at = this.#filled;
    return rest;
  }

  /** Drops what has come. */
  drop(): void {
    if (this.isLent) this.#leaveBuffer();
    this.#at = this.#filled = HEAD_ROOM;
  }

  /** Nothing is read any more. */
  close(): void {
    if (!this.#isBusy) this.#giveLarge();
  }

  received(count: number): void {
    this.isReceiving = false;
    if (count === 0) {
      this.hasEnded = true;
      return this.#user.inputEnded();
    }
    this.#filled += count;
    this.#came += count;
    this.#user.inputCame();
  }

  receiveFailed(error: Error): void {
    this.isReceiving = false;
    this.hasEnded = true;
    this.#user.inputFailed(asProxyError(error, "client_gone"));
  }

  get #capacity(): number {
    return this.#buffer.bytes.length - TAIL_ROOM;
  }

  /** For the rest of a head: where others stand before it they are over. */
  #makeRoom(): void {
    const { bytes } = this.#buffer;
    if (this.#at > HEAD_ROOM) {
      bytes.copyWithin(HEAD_ROOM, this.#at, this.#filled);
      this.#filled -= this.#at - HEAD_ROOM;
      this.#at = HEAD_ROOM;
      this.request.begin(HEAD_ROOM, this.#limits);
      this.request.read(this.#buffer, this.#filled);
    } else {
      const old = this.#buffer;
      this.#buffer = growRoomy(old, this.#filled);
      if (old !== this.#small && !this.#connection.reading) giveRoomy(old);
    }
  }

  /** Whether something lies in the buffer that nobody may touch, or may come there. */
  get #isBusy(): boolean {
    return this.isLent || this.isReceiving || this.#connection.reading;
  }

  /** Goes on in another buffer; what is being received still comes to the old one. */
  #leaveBuffer(): void {
    if (this.isReceiving || this.#connection.reading) return;
    this.isLent = false;
    const old = this.#buffer;
    const from = this.#at;
    const count = this.#filled - from;
    this.#readInto(new RoomyBuffer(Math.max(SMALL_SIZE, HEAD_ROOM + count + TAIL_ROOM)));
    this.#small.bytes.set(old.bytes.subarray(from, this.#filled), HEAD_ROOM);
    this.#at = HEAD_ROOM;
    this.#filled = HEAD_ROOM + count;
  }

  /** Reads into this while little comes. */
  #readInto(small: RoomyBuffer): void {
    this.#small = this.#buffer = small;
    this.#smallSpace = spaceOf(small, HEAD_ROOM);
  }

  #giveLarge(): void {
    if (this.#buffer !== this.#small) giveRoomy(this.#buffer);
    this.#buffer = this.#small;
  }

  #bodyRules(): BodyRules {
    const rules = requestBodyRules(this.#limits);
    return this.request.body === UNKNOWN_LENGTH ? withNamedTrailers(rules, this.request) : rules;
  }
}
