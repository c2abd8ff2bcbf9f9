import type { ProxyError } from "../core/errors.ts";
import type { HeadLimits } from "../http/limits.ts";
import { ANSWER_BLOCK_BYTES, GROWN_BYTES } from "./budgets.ts";
import { Connection, type ConnectionEvents, type ConnectionOptions } from "./connection.ts";
import type { BlockFrame } from "./frame_decoder.ts";
import { Http2Error } from "./http2_error.ts";
import { ENTRY_OVERHEAD } from "./hpack/header_field.ts";
import { answerTooLarge, judgeAnswer } from "./judge_answer.ts";
import { NO_PRIORITY } from "./priority.ts";
import { type Http2ResponseHead, readResponseHead } from "./response_head.ts";
import type { FieldSource } from "./sender.ts";
import { Stream, UNKNOWN } from "./stream.ts";
import { mayReceive, outcomeOf, type StreamState } from "./stream_state.ts";
import { ERROR, MAX_STREAM_ID, SETTING, withError } from "./wire.ts";

/** What the connection to a server tells. */
export interface DialedEvents<Owner> extends ConnectionEvents<Owner> {
  /** The head of an answer; below 200 another follows. */
  response(stream: Stream<Owner>, head: Http2ResponseHead, ended: boolean): void;
  /** The server has said what it allows: `available` may have changed. */
  settled(): void;
  /** The server takes no more requests; what it has not served was told by `reset`. */
  goingAway(code: number): void;
  /** The server has answered a `ping`. */
  pong(): void;
}

/** A request as it is sent. */
export interface SentRequest {
  readonly method: string;
  readonly scheme: "https" | "http";
  readonly authority: string;
  readonly path: string;
  /** For an extended CONNECT (RFC 8441). */
  readonly protocol?: string | undefined;
  /** In lower case, without those of HTTP/1.1 connections. */
  readonly fields: FieldSource;
}

/** The limits of a connection to a server, which opens no streams. */
export interface DialedOptions extends Omit<ConnectionOptions, "maxStreams" | "headers"> {
  /** On the heads of answers, and on their trailers. */
  readonly limits: HeadLimits;
}

/** The client's end of a connection: requests go out, answers come in. */
export class DialedConnection<Owner> extends Connection<Owner, DialedEvents<Owner>> {
  #nextId = 1;
  #isSettled = false;
  #isGoingAway = false;
  readonly #limits: HeadLimits;

  constructor(events: DialedEvents<Owner>, options: DialedOptions) {
    const { headerBytes, headers } = options.limits;
    const fields = headers + PSEUDO_FIELDS;
    super(events, {
      ...options,
      maxStreams: 0,
      headers: { bytes: headerBytes + fields * ENTRY_OVERHEAD, fields },
    }, {
      awaitsPreface: false,
      blockBytes: Math.max(ANSWER_BLOCK_BYTES, headerBytes),
      heldBytes: Infinity,
      grownBytes: GROWN_BYTES,
    });
    this.#limits = options.limits;
    this.sender.writer.preface();
    this.begin([[SETTING.enablePush, 0]]);
  }

  /** How many more streams may be opened now. */
  get available(): number {
    if (this.hasFailed || this.#isGoingAway || this.#nextId > MAX_STREAM_ID) return 0;
    const most = this.#isSettled ? this.settings.maxStreams : STREAMS_BEFORE_SETTINGS;
    return Math.max(0, most - this.live.size);
  }

  /** Whether no stream may be opened any more, however long one waits. */
  get isGoingAway(): boolean {
    return this.hasFailed || this.#isGoingAway || this.#nextId > MAX_STREAM_ID;
  }

  /** Whether the server knows extended CONNECT (RFC 8441). */
  get allowsExtendedConnect(): boolean {
    return this.settings.connectProtocol;
  }

  /** Sends a request's head; only where a stream is `available`. */
  open(owner: Owner, request: SentRequest, ended: boolean): Stream<Owner> {
    const { streamWindow, maxWindow } = this.options;
    const windows = {
      send: this.settings.initialWindow,
      receive: streamWindow,
      maxReceive: maxWindow,
    };
    const stream = new Stream<Owner>(this.#nextId, windows, NO_PRIORITY);
    this.#nextId += 2;
    stream.owner = owner;
    stream.state = "open";
    stream.expectsBody = request.method !== "HEAD";
    stream.asksTunnel = request.protocol !== undefined;
    this.live.add(stream);
    this.budgets.earnMessage();
    this.sender.head(stream, { pseudo: pseudoFields(request), fields: request.fields, ended });
    this.events.output();
    return stream;
  }

  /** An interim answer was passed on; how many of a request are is for who passes them on to bound. */
  passedOn(): void {
    this.budgets.earnInterim();
  }

  /** Says that no more requests will come (RFC 9113, section 6.8). */
  finish(): void {
    if (this.hasFailed || this.#isGoingAway) return;
    this.#isGoingAway = true;
    this.sender.writer.goaway(0, ERROR.noError, "");
    this.events.output();
  }

  /** A server opens no streams: nobody lets it push. */
  protected get lastPeerId(): number {
    return 0;
  }

  /**
   * What still comes on a stream that is over says nothing, as if we had reset it: servers of gRPC
   * end a call twice whose deadline passes as it ends, and the connection is that of other calls, too.
   */
  protected stateOfOther(id: number): StreamState {
    return (id & 1) === 1 && id < this.#nextId ? "reset" : "idle";
  }

  headerBlock(block: BlockFrame): void {
    const list = this.decode(block);
    const { id, ended } = block;
    const stream = this.live.get(id);
    if (stream === undefined) return this.#headOfOther(id);
    if (!mayReceive(stream.state)) {
      return this.fault(stream, ERROR.streamClosed, "HEADERS stands behind the end");
    }
    if (stream.hasHead) return this.readTrailers(stream, list, ended);
    const { overflow } = this.decoder;
    if (overflow !== undefined) {
      return this.fault(stream, ERROR.cancel, answerTooLarge(overflow, this.#limits));
    }
    let head: Http2ResponseHead;
    try {
      head = readResponseHead(list);
    } catch (error) {
      return this.fault(stream, ERROR.protocolError, error);
    }
    const tooLarge = judgeAnswer(head, this.#limits);
    if (tooLarge !== undefined) return this.fault(stream, ERROR.cancel, tooLarge);
    this.#begin(stream, head, ended);
  }

  /** Only a client says what it wants first (RFC 9218, section 7.1). */
  priorityUpdate(): void {
    throw new Http2Error(ERROR.protocolError, "The server sends PRIORITY_UPDATE");
  }

  protected settingsChanged(): void {
    this.#isSettled = true;
    this.events.settled();
  }

  protected goaway(lastId: number, code: number): void {
    this.#isGoingAway = true;
    const reason = withError("The server goes away before it has served it", code);
    for (const stream of this.live.values()) {
      if (stream.id > lastId) this.unserved(stream, reason);
    }
    this.events.goingAway(code);
  }

  protected ponged(): void {
    this.events.pong();
  }

  protected trailersTooLarge(): ProxyError {
    return answerTooLarge(this.decoder.overflow ?? "bytes", this.#limits);
  }

  protected sentMessage(): void {}

  #headOfOther(id: number): void {
    const outcome = outcomeOf(this.stateOfOther(id), "receive_headers");
    if (outcome === "ignored") return this.budgets.spendIdleFrame();
    throw new Http2Error(ERROR.protocolError, "The server opens a stream");
  }

  #begin(stream: Stream<Owner>, head: Http2ResponseHead, ended: boolean): void {
    const { status, length } = head;
    if (status < 200) {
      this.budgets.spendIdleFrame();
      if (ended) return this.fault(stream, ERROR.protocolError, "A 1xx answer ends the stream");
      return this.events.response(stream, head, false);
    }
    stream.hasHead = true;
    // what an answer says of its length counts for nothing in a tunnel (RFC 9110, section 9.3.6)
    if (!stream.asksTunnel || status >= 300) {
      stream.expectsBody &&= status !== 204 && status !== 304;
      stream.bodyLeft = stream.expectsBody ? length ?? UNKNOWN : 0;
    }
    if (ended && stream.bodyLeft > 0) {
      return this.fault(stream, ERROR.protocolError, "Content-Length promises a body");
    }
    if (ended) stream.pass("receive_end");
    this.events.response(stream, head, ended);
    this.closeIfDone(stream);
  }
}

/** `:status`. */
const PSEUDO_FIELDS = 1;
/** As many as everybody should allow (RFC 9113, section 6.5.2), before the server has said. */
const STREAMS_BEFORE_SETTINGS = 100;

function pseudoFields(
  { method, scheme, authority, path, protocol }: SentRequest,
): readonly (readonly [string, string])[] {
  const fields: (readonly [string, string])[] = [
    [":method", method],
    [":scheme", scheme],
    [":authority", authority],
    [":path", path],
  ];
  if (protocol !== undefined) fields.push([":protocol", protocol]);
  return fields;
}
