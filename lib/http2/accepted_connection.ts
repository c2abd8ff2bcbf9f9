import { asProxyError, ProxyError } from "../core/errors.ts";
import { BLOCK_BYTES, HELD_BYTES } from "./budgets.ts";
import { Connection, type ConnectionEvents, type ConnectionOptions } from "./connection.ts";
import { type BlockFrame, DEPENDS_ON_ITSELF } from "./frame_decoder.ts";
import { BlockCache } from "./hpack/block_cache.ts";
import { Http2Error } from "./http2_error.ts";
import { parsePriority } from "./priority.ts";
import { type Http2RequestHead, readCutHead, readRequestHead, withPath } from "./request_head.ts";
import type { FieldSource } from "./sender.ts";
import { Stream, UNKNOWN } from "./stream.ts";
import { mayReceive, maySend, outcomeOf, type StreamState } from "./stream_state.ts";
import { ERROR, FRAME_HEADER_BYTES, MAX_STREAM_ID, SETTING } from "./wire.ts";

/** What the connection to a client tells. */
export interface AcceptedEvents<Owner> extends ConnectionEvents<Owner> {
  /** A request begins, maybe with a head that is cut; `ended` where it has no body. */
  request(stream: Stream<Owner>, head: Http2RequestHead, ended: boolean): void;
  /** A request was malformed: its stream is reset, and nothing of it is to be acted on. */
  malformed(id: number, error: ProxyError): void;
}

/** `headers` is asked for each time, as it may change; `maxStreams` is that of the beginning. */
export interface AcceptedOptions extends ConnectionOptions {
  /** Whether extended CONNECT is offered (RFC 8441). */
  readonly extendedConnect: boolean;
}

/** The server's end of a connection: requests come in, answers go out. */
export class AcceptedConnection<Owner> extends Connection<Owner, AcceptedEvents<Owner>> {
  readonly #extendedConnect: boolean;
  readonly #blocks: BlockCache<Http2RequestHead>;
  #maxStreams: number;
  #lastId = 0;
  /** The numbers that a client has left out last: between these two. */
  #skipped = { after: 0, before: 0 };
  /** Whether the client has said that it is leaving. */
  #clientLeaves = false;
  /** How far a shutdown has come: streams that were on their way are let in at first. */
  #shutdown: "none" | "announced" | "final" = "none";

  constructor(events: AcceptedEvents<Owner>, options: AcceptedOptions) {
    super(events, options, {
      awaitsPreface: true,
      get blockBytes() {
        return Math.max(BLOCK_BYTES, options.headers.bytes);
      },
      heldBytes: HELD_BYTES,
      grownBytes: Infinity,
    });
    this.#extendedConnect = options.extendedConnect;
    this.#maxStreams = options.maxStreams;
    this.#blocks = new BlockCache(this.decoder);
    this.begin([
      [SETTING.maxConcurrentStreams, options.maxStreams],
      // no client has to tell of the priorities that were given up (RFC 9218, section 2.1)
      [SETTING.noRfc7540Priorities, 1],
      ...(options.extendedConnect ? [[SETTING.enableConnectProtocol, 1] as const] : []),
    ]);
  }

  /** Whether no stream is left and none will come. */
  get isOver(): boolean {
    return this.hasFailed || (this.#shutdown === "final" && this.live.size === 0);
  }

  /** Tells the client what holds from here on instead of what it was told first. */
  tellLimits(maxStreams: number): void {
    this.#maxStreams = maxStreams;
    this.announce([
      [SETTING.maxConcurrentStreams, maxStreams],
      [SETTING.maxHeaderListSize, this.options.headers.bytes],
    ]);
  }

  /** The head of an answer; below 200 another follows. */
  respond(
    stream: Stream<Owner>,
    status: number,
    fields: FieldSource,
    ended: boolean,
  ): void {
    if (!maySend(stream.state)) return;
    this.sender.head(stream, { pseudo: [[":status", String(status)]], fields, ended });
    this.events.output();
  }

  /**
   * Asks the client to open no more streams; those that are on their way are served. What follows
   * is `finishShutdown`, once the client has answered, or after a while (RFC 9113, section 6.8).
   */
  shutDown(): void {
    if (this.#shutdown !== "none" || this.hasFailed) return;
    this.#shutdown = "announced";
    this.sender.writer.goaway(MAX_STREAM_ID, ERROR.noError, "");
    this.ping();
  }

  /** Takes no stream from here on; those that are there go on. */
  finishShutdown(): void {
    if (this.#shutdown === "final" || this.hasFailed) return;
    this.#shutdown = "final";
    this.sender.writer.goaway(this.#lastId, ERROR.noError, "");
    this.events.output();
    if (this.live.size === 0) this.events.idle();
  }

  protected get lastPeerId(): number {
    return this.#lastId;
  }

  /** Behind the last GOAWAY streams are as if we had reset them: the client may not know yet. */
  protected stateOfOther(id: number): StreamState {
    if ((id & 1) === 0) return "idle";
    if (id <= this.#lastId) return this.past.stateOf(id);
    return this.#shutdown === "final" ? "reset" : "idle";
  }

  headerBlock(block: BlockFrame): void {
    const { id } = block;
    if ((id & 1) === 0) {
      throw new Http2Error(ERROR.protocolError, "A client opens streams of odd numbers");
    }
    const stream = this.live.get(id);
    if (stream !== undefined) return this.#trailers(stream, block);
    const outcome = outcomeOf(this.stateOfOther(id), "receive_headers");
    if (outcome === "fault_closed") throw this.#lateHead(id);
    if (outcome === "ignored") {
      // what it does to the table counts
      this.decode(block);
      return this.budgets.spendIdleFrame();
    }
    if (id > this.#lastId + 2) this.#skipped = { after: this.#lastId, before: id };
    this.#lastId = id;
    try {
      const head = this.#readHead(block);
      if (block.dependsOnItself) throw new ProxyError("bad_field", DEPENDS_ON_ITSELF);
      if (this.live.size >= this.#maxStreams && !this.#makeRoom()) {
        return this.refuse(id, ERROR.refusedStream);
      }
      this.#open(block, head);
    } catch (error) {
      if (error instanceof Http2Error) throw error;
      this.events.malformed(id, asProxyError(error, "internal"));
      this.refuse(id, ERROR.protocolError);
    }
  }

  priorityUpdate(id: number, value: string): void {
    this.budgets.spendIdleFrame();
    if (id === 0) throw new Http2Error(ERROR.protocolError, "PRIORITY_UPDATE is for no stream");
    const stream = this.live.get(id);
    if (stream === undefined) return;
    const { urgency, incremental } = parsePriority(value);
    this.sender.prioritize(stream, urgency, incremental);
  }

  protected settingsChanged(): void {}

  /** A client that leaves is served to the end of what it has asked for. */
  protected goaway(): void {
    this.#clientLeaves = true;
    if (this.live.size === 0) this.finishShutdown();
  }

  protected override noStreamLeft(): void {
    if (this.#clientLeaves && this.#shutdown !== "final") this.finishShutdown();
    else super.noStreamLeft();
  }

  protected ponged(): void {
    if (this.#shutdown === "announced") this.finishShutdown();
  }

  protected trailersTooLarge(): ProxyError {
    return new ProxyError("bad_field", "The trailers are larger than is allowed");
  }

  protected sentMessage(): void {
    this.budgets.earnMessage();
  }

  /**
   * Ends the oldest stream whose answer has ended, of which the client has yet to end its side: some
   * do so late, or never (Firefox, behind a WebSocket). @returns whether there was one
   */
  #makeRoom(): boolean {
    for (const stream of this.live) {
      if (stream.state !== "half_closed_local") continue;
      this.reset(stream, ERROR.noError);
      return true;
    }
    return false;
  }

  /** A stream that was left out has never been there (section 5.1.1). */
  #lateHead(id: number): Http2Error {
    const { after, before } = this.#skipped;
    return id > after && id < before
      ? new Http2Error(ERROR.protocolError, "A client opens streams of rising numbers")
      : new Http2Error(ERROR.streamClosed, "HEADERS stands on a stream that is over");
  }

  #trailers(stream: Stream<Owner>, block: BlockFrame): void {
    const list = this.decode(block);
    stream.bytesReceived += FRAME_HEADER_BYTES + block.to - block.from;
    if (!mayReceive(stream.state)) {
      return this.fault(stream, ERROR.streamClosed, "HEADERS stands behind the end");
    }
    const { ended, dependsOnItself } = block;
    if (dependsOnItself) return this.fault(stream, ERROR.protocolError, DEPENDS_ON_ITSELF);
    this.readTrailers(stream, list, ended);
  }

  #readHead(block: BlockFrame): Http2RequestHead {
    const { bytes, from, to } = block;
    const known = this.#blocks.find(bytes, from, to);
    const { path } = this.#blocks;
    if (known !== undefined) return path === undefined ? known : withPath(known, path);
    const { generation } = this.decoder;
    const list = this.decode(block);
    const { overflow } = this.decoder;
    if (overflow !== undefined) return readCutHead(list, overflow);
    const head = readRequestHead(list, this.#extendedConnect);
    this.#blocks.keep(bytes, { from, to, generation, facts: head });
    return head;
  }

  #open({ id, ended, from, to }: BlockFrame, head: Http2RequestHead): void {
    const { length = UNKNOWN, method, priority } = head;
    if (length > 0 && (ended || method === "CONNECT")) {
      throw new ProxyError("bad_length", "Content-Length promises a body that cannot follow");
    }
    const { streamWindow, maxWindow } = this.options;
    const windows = {
      send: this.settings.initialWindow,
      receive: streamWindow,
      maxReceive: maxWindow,
    };
    const stream = new Stream<Owner>(id, windows, priority);
    stream.hasHead = true;
    stream.bytesReceived = FRAME_HEADER_BYTES + to - from;
    stream.bodyLeft = length;
    stream.state = ended ? "half_closed_remote" : "open";
    this.live.add(stream);
    this.events.request(stream, head, ended);
  }
}
