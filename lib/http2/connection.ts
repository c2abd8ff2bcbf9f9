import type { Field } from "../http/field.ts";
import { ProxyError } from "../core/errors.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";
import { ConnectionBudgets, SMALL_INCREMENT } from "./budgets.ts";
import { checkTrailers } from "./field_section.ts";
import {
  type BlockFrame,
  FrameDecoder,
  type FrameDecoderOptions,
  type FrameHandler,
} from "./frame_decoder.ts";
import type { Output } from "./frame_writer.ts";
import { HeaderDecoder, type ListLimits } from "./hpack/decoder.ts";
import type { HeaderField } from "./hpack/header_field.ts";
import { Http2Error } from "./http2_error.ts";
import { PastStreams } from "./past_streams.ts";
import { type FieldSource, Sender } from "./sender.ts";
import { PeerSettings } from "./settings.ts";
import { type Stream, UNKNOWN } from "./stream.ts";
import { StreamTable } from "./stream_table.ts";
import { isOver, mayReceive, maySend, outcomeOf, type StreamState } from "./stream_state.ts";
import {
  DEFAULT_WINDOW,
  ERROR,
  errorName,
  FRAME_HEADER_BYTES,
  readUint32,
  SETTING,
} from "./wire.ts";
import { ReceiveWindow } from "./window.ts";

/** Why a stream is over before its messages are. */
export interface StreamReset {
  /** One of `ERROR`. */
  readonly code: number;
  /** Who ended it. */
  readonly by: "peer" | "us";
  /** Whether the peer says that it has not acted on it, so that it may be sent again (section 8.7). */
  readonly untouched: boolean;
  /** For people. */
  readonly reason: string;
  /** What the peer did wrong, where that was found here, or why the connection was ended here. */
  readonly error?: ProxyError;
}

/** What a connection tells whoever uses it. Ranges of bytes are valid during the call. */
export interface ConnectionEvents<Owner> {
  /** A part of a body; `consumed` is to be called for all of it, now or later. */
  data(stream: Stream<Owner>, bytes: Uint8Array, from: number, to: number, ended: boolean): void;
  /** The peer's message has ended with these fields. */
  trailers(stream: Stream<Owner>, fields: readonly Field[]): void;
  /** The stream is over before its time, and no other call of ours. */
  reset(stream: Stream<Owner>, reset: StreamReset): void;
  /** What waited on the stream is framed: its bytes are free, and more may be sent. */
  taken(stream: Stream<Owner>): void;
  /** No stream is left. */
  idle(): void;
  /** There may be output to take. */
  output(): void;
  /** The connection is over by an error, which is in its output; all streams have been told. */
  failed(error: Http2Error): void;
}

/** The limits of one connection, in bytes where nothing else is said. */
export interface ConnectionOptions {
  /** Of each head that comes. */
  readonly headers: ListLimits;
  /** Streams at a time that the peer may open; 0 for a client. */
  readonly maxStreams: number;
  /** Bytes of a body that come before anybody takes some; a stream may grow to `maxWindow`. */
  readonly streamWindow: number;
  readonly maxWindow: number;
  /** The same for all bodies together. */
  readonly connectionWindow: number;
  /** Milliseconds from anywhere. */
  readonly now: () => number;
}

/** What differs between the ends. */
export interface EndOptions extends FrameDecoderOptions {
  /** Bytes of bodies that wait here for slow readers, before a stream can stop the others. */
  readonly heldBytes: number;
  /** What the windows of all streams may grow by, in equal shares. */
  readonly grownBytes: number;
}

/** What does well for anybody; `now` and `headers` depend. */
export const WINDOWS = {
  streamWindow: DEFAULT_WINDOW,
  maxWindow: 1024 * 1024,
  connectionWindow: 1024 * 1024,
} as const;

/**
 * One connection of HTTP/2, without I/O and timers (RFC 9113): fed with bytes in any pieces, it
 * tells what they say, and gives the bytes that are to be sent. What is the same for both ends is
 * here; `AcceptedConnection` and `DialedConnection` are the ends.
 */
export abstract class Connection<
  Owner,
  Events extends ConnectionEvents<Owner> = ConnectionEvents<Owner>,
> implements FrameHandler {
  protected readonly events: Events;
  protected readonly options: ConnectionOptions;
  protected readonly budgets: ConnectionBudgets;
  protected readonly decoder = new HeaderDecoder();
  protected readonly sender: Sender<Owner>;
  protected readonly settings: PeerSettings;
  protected readonly live = new StreamTable<Owner>();
  protected readonly past = new PastStreams();
  readonly #frames: FrameDecoder;
  readonly #window: ReceiveWindow;
  readonly #heldBytes: number;
  readonly #grownBytes: number;
  /** Bytes of bodies that nobody has taken, on all streams. */
  #held = 0;
  /** The stream of the DATA frame that is being read; undefined where nobody wants them. */
  #dataStream: Stream<Owner> | undefined;
  #dataEnds = false;
  /** Bytes of that frame that no stream holds. */
  #unwanted = 0;
  /** Whether the peer knows our settings. */
  #isAcknowledged = false;
  #failed = false;

  constructor(
    events: Events,
    options: ConnectionOptions,
    end: EndOptions,
  ) {
    this.events = events;
    this.options = options;
    this.budgets = new ConnectionBudgets(options.now);
    this.settings = new PeerSettings(end.awaitsPreface);
    this.#frames = new FrameDecoder(this, end);
    this.#window = new ReceiveWindow(options.connectionWindow);
    this.#heldBytes = end.heldBytes;
    this.#grownBytes = end.grownBytes;
    this.sender = new Sender<Owner>({
      taken: (stream) => this.events.taken(stream),
      sentEnd: (stream) => this.#sentEnd(stream),
    }, this.budgets);
  }

  /** Streams that are not over. */
  get streams(): Pick<StreamTable<Owner>, "size" | "values"> {
    return this.live;
  }

  /** Bytes of output that wait to be taken; a peer that lets them grow is not to be read from. */
  get outputBytes(): number {
    return this.sender.writer.length;
  }

  /** Whether the message of a stream may go on. */
  get expectsBody(): boolean {
    for (const { state } of this.live) if (mayReceive(state)) return true;
    return false;
  }

  /** Whether the peer may send nothing of any body, as others that have come are yet to be taken. */
  get isShut(): boolean {
    return this.#window.isShut;
  }

  /** Whether nothing of any body may be sent before the peer says that it takes more. */
  get isHeld(): boolean {
    return this.sender.window.available <= 0;
  }

  /** Bytes of bodies that were framed so far. */
  get framedBytes(): number {
    return this.sender.framed;
  }

  get hasFailed(): boolean {
    return this.#failed;
  }

  /** Whether something has begun to come that tells nothing before it is whole. */
  get isInside(): boolean {
    return this.#frames.isInside;
  }

  /** Takes bytes of the peer. What they say is told before it returns; it does not throw. */
  feed(bytes: Uint8Array): void {
    if (this.#failed) return;
    try {
      this.#frames.feed(bytes);
    } catch (error) {
      if (!(error instanceof Http2Error)) throw error;
      this.fail(error);
    }
  }

  /** Output, as much as is to be written at once; undefined where there is none now. */
  takeOutput(): Output | undefined {
    this.sender.fill();
    return this.sender.writer.take();
  }

  /**
   * Sends a part of a body.
   *
   * @returns whether more may be sent; if not, the bytes must stay as they are until `taken`
   */
  sendData(
    stream: Stream<Owner>,
    bytes: Uint8Array,
    from: number,
    to: number,
    ended: boolean,
  ): boolean {
    if (!maySend(stream.state)) return true;
    const taken = this.sender.data(stream, bytes, from, to, ended);
    this.events.output();
    return taken;
  }

  /**
   * Ends a body with fields behind it; what waits on the stream must be taken before. Where no field
   * is left an empty DATA frame says so: HAProxy and nginx end a connection for HEADERS without any.
   */
  sendTrailers(
    stream: Stream<Owner>,
    fields: readonly Pick<Field, "key" | "value" | "isSecret">[],
  ): void {
    if (fields.length === 0) return void this.sendData(stream, NO_BYTES, 0, 0, true);
    if (!maySend(stream.state)) return;
    const source: FieldSource = (put) => {
      for (const { key, value, isSecret } of fields) put(key, value, isSecret);
    };
    this.sender.head(stream, { pseudo: [], fields: source, ended: true });
    this.events.output();
  }

  /** So many bytes of a body were taken, so the peer may send more. */
  consumed(stream: Stream<Owner>, bytes: number): void {
    // what a stream held is counted as taken when it ends
    if (bytes === 0 || isOver(stream.state)) return;
    const increment = stream.receiveWindow.release(bytes, this.#grownBytes / this.live.size);
    if (increment > 0 && mayReceive(stream.state)) {
      this.sender.writer.windowUpdate(stream.id, increment);
      this.events.output();
    }
    this.#release(bytes);
  }

  /** Ends a stream from this side, whatever state it is in. */
  reset(stream: Stream<Owner>, code: number): void {
    if (!stream.pass("send_reset")) return;
    this.#forget(stream);
    this.sendReset(stream.id, code);
  }

  /** Asks the peer to answer at once. */
  ping(): void {
    this.sender.writer.ping(PING, 0, false);
    this.events.output();
  }

  /**
   * The connection is over without an error of HTTP/2: every stream is told.
   *
   * @param error why it was ended, where the peer has not left
   */
  lost(reason: string, error?: ProxyError): void {
    if (this.#failed) return;
    const ended = { code: ERROR.cancel, by: "peer", untouched: false, reason } as const;
    this.#end(error === undefined ? ended : { ...ended, error });
  }

  /** Ends the connection with an error, which is sent. */
  fail(error: Http2Error): void {
    if (this.#failed) return;
    this.sender.writer.goaway(this.lastPeerId, error.code, error.message);
    const { code, message } = error;
    this.#end({ code, by: "us", untouched: false, reason: message });
    this.events.output();
    this.events.failed(error);
  }

  // what differs between the ends

  /** The last stream of the peer that was looked at. */
  protected abstract readonly lastPeerId: number;

  /** The state of a stream that is not among the live ones. */
  protected abstract stateOfOther(id: number): StreamState;

  /** What the peer said in SETTINGS has changed. */
  protected abstract settingsChanged(): void;

  /** The peer opens no more streams, or takes none beyond `lastId`. */
  protected abstract goaway(lastId: number, code: number): void;

  /** The peer has answered a `ping`. */
  protected abstract ponged(): void;

  /** The trailers that were decoded last are larger than is allowed. */
  protected abstract trailersTooLarge(): ProxyError;

  /** We have sent all of a message. */
  protected abstract sentMessage(): void;

  // what both ends use

  /** What we say first. */
  protected begin(settings: readonly (readonly [id: number, value: number])[]): void {
    const { streamWindow, connectionWindow, headers } = this.options;
    const { writer } = this.sender;
    writer.settings([
      ...settings,
      [SETTING.initialWindowSize, streamWindow],
      [SETTING.maxHeaderListSize, headers.bytes],
    ]);
    if (connectionWindow > DEFAULT_WINDOW) {
      writer.windowUpdate(0, connectionWindow - DEFAULT_WINDOW);
    }
    this.events.output();
  }

  /** What else we say, which the peer has yet to know. */
  protected announce(settings: readonly (readonly [id: number, value: number])[]): void {
    this.#isAcknowledged = false;
    this.sender.writer.settings(settings);
    this.events.output();
  }

  protected decode({ bytes, from, to }: BlockFrame): HeaderField[] {
    return this.decoder.decode(bytes, from, to, this.options.headers);
  }

  /** Reads trailers behind a body. */
  protected readTrailers(
    stream: Stream<Owner>,
    list: readonly HeaderField[],
    ended: boolean,
  ): void {
    try {
      if (this.decoder.overflow !== undefined) throw this.trailersTooLarge();
      if (!ended) throw new ProxyError("bad_field", "A head stands within a body");
      if (stream.bodyLeft > 0) throw shortBody();
      checkTrailers(list, "bad_field");
    } catch (error) {
      return this.fault(stream, ERROR.protocolError, error);
    }
    stream.pass("receive_end");
    this.events.trailers(stream, list);
    this.closeIfDone(stream);
  }

  /** The peer is to blame for the end of a stream that is here. */
  protected fault(stream: Stream<Owner>, code: number, reason: unknown): void {
    if (!stream.pass("send_reset")) return;
    this.#forget(stream);
    const error = reason instanceof ProxyError ? { error: reason } : {};
    this.events.reset(stream, {
      code,
      by: "us",
      untouched: false,
      reason: textOf(reason),
      ...error,
    });
    this.refuse(stream.id, code);
  }

  /** Resets a stream for the peer's fault, also one that is not here. */
  protected refuse(id: number, code: number): void {
    this.sendReset(id, code);
    // before it knows our settings, a client may have opened more streams than it would have
    if (code === ERROR.refusedStream && !this.#isAcknowledged) this.budgets.spendIdleFrame();
    else this.budgets.spendReset();
  }

  protected sendReset(id: number, code: number): void {
    this.past.addReset(id);
    this.sender.writer.resetStream(id, code);
    this.events.output();
  }

  protected closeIfDone(stream: Stream<Owner>): void {
    if (isOver(stream.state)) this.#forget(stream);
  }

  protected noStreamLeft(): void {
    this.events.idle();
  }

  /** Ends streams of which the peer has said that it does not serve them. */
  protected unserved(stream: Stream<Owner>, reason: string): void {
    stream.state = "closed";
    this.#forget(stream);
    this.events.reset(stream, { code: ERROR.refusedStream, by: "peer", untouched: true, reason });
  }

  // what frames say; for the frame decoder alone

  dataBegins(id: number, length: number, padding: number, ended: boolean): void {
    if (!this.#window.receive(length)) throw flowControlError("The connection's window is over");
    this.#held += length;
    this.#dataStream = undefined;
    const stream = this.live.get(id);
    this.#dataEnds = ended;
    this.#unwanted = length;
    const outcome = outcomeOf(stream?.state ?? this.stateOfOther(id), "receive_data");
    if (outcome === "fault_idle") throw protocolError("DATA stands on a stream that is not there");
    if (outcome === "fault_closed") {
      throw new Http2Error(ERROR.streamClosed, "DATA stands on a stream that is over");
    }
    const bytes = length - padding;
    if (bytes === 0 && !ended) this.budgets.spendIdleFrame();
    else this.budgets.earnBytes(bytes);
    if (stream === undefined) return;
    if (outcome === "fault_half_closed") {
      return this.fault(stream, ERROR.streamClosed, "DATA stands behind the end");
    }
    stream.bytesReceived += FRAME_HEADER_BYTES + length;
    const within = stream.receiveWindow.receive(length);
    this.#unwanted = 0;
    if (!within) return this.fault(stream, ERROR.flowControlError, "The stream's window is over");
    const reason = this.#misfit(stream, bytes, ended);
    if (reason !== undefined) return this.fault(stream, ERROR.protocolError, reason);
    this.#dataStream = stream;
    this.#release(0);
    // nobody has to take padding
    if (padding > 0) this.consumed(stream, padding);
  }

  dataPiece(bytes: Uint8Array, from: number, to: number, last: boolean): void {
    const stream = this.#dataStream;
    if (stream === undefined || isOver(stream.state)) {
      // what came for a stream that is over since the frame began was counted when it ended
      if (stream === undefined && last) this.#release(this.#unwanted);
      return;
    }
    const ended = last && this.#dataEnds;
    if (ended) stream.pass("receive_end");
    this.events.data(stream, bytes, from, to, ended);
    if (ended) this.closeIfDone(stream);
  }

  abstract headerBlock(block: BlockFrame): void;

  badFrame(id: number, code: number, reason: string): void {
    const stream = this.live.get(id);
    if (stream !== undefined) this.fault(stream, code, reason);
    else this.refuse(id, code);
  }

  streamReset(id: number, code: number): void {
    const stream = this.live.get(id);
    if (stream === undefined) {
      const outcome = outcomeOf(this.stateOfOther(id), "receive_reset");
      if (outcome === "fault_idle") {
        throw protocolError("RST_STREAM stands on a stream that is not there");
      }
      return this.budgets.spendIdleFrame();
    }
    stream.pass("receive_reset");
    this.#forget(stream);
    const untouched = code === ERROR.refusedStream;
    const reason = `The peer has reset the stream (${errorName(code)})`;
    this.events.reset(stream, { code, by: "peer", untouched, reason });
    this.budgets.spendReset();
  }

  settingsFrame(bytes: Uint8Array, from: number, to: number): void {
    this.budgets.spendIdleFrame();
    const before = this.settings.initialWindow;
    for (let at = from; at < to; at += 6) {
      const id = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      this.settings.apply(id, readUint32(bytes, at + 2));
      // also a table that is small only until a later value (RFC 7541, section 4.2)
      this.sender.limitTable(this.settings.headerTableBytes);
    }
    this.#shiftWindows(this.settings.initialWindow - before);
    this.sender.writer.settingsAck();
    this.events.output();
    this.settingsChanged();
  }

  settingsAck(): void {
    this.#isAcknowledged = true;
    this.budgets.spendIdleFrame();
  }

  pingFrame(bytes: Uint8Array, from: number, ack: boolean): void {
    this.budgets.spendIdleFrame();
    if (ack) return this.ponged();
    this.sender.writer.ping(bytes, from, true);
    this.events.output();
  }

  goawayFrame(lastId: number, code: number): void {
    this.budgets.spendIdleFrame();
    this.goaway(lastId, code);
  }

  windowUpdate(id: number, increment: number): void {
    if (increment < SMALL_INCREMENT) this.budgets.spendIdleFrame();
    if (id === 0) {
      if (increment === 0) throw protocolError("WINDOW_UPDATE is of 0");
      if (!this.sender.window.grow(increment)) throw flowControlError(WINDOW_TOO_LARGE);
      if (this.sender.isReady) this.events.output();
      return;
    }
    const stream = this.live.get(id);
    if (stream === undefined) {
      const outcome = outcomeOf(this.stateOfOther(id), "receive_window_update");
      if (outcome === "fault_idle") {
        throw protocolError("WINDOW_UPDATE stands on a stream that is not there");
      }
      // no window overflows by them
      if (increment >= SMALL_INCREMENT) this.budgets.spendIdleFrame();
      return;
    }
    if (increment === 0) return this.fault(stream, ERROR.protocolError, "WINDOW_UPDATE is of 0");
    if (!stream.sendWindow.grow(increment)) {
      return this.fault(stream, ERROR.flowControlError, WINDOW_TOO_LARGE);
    }
    this.sender.wake(stream);
    if (this.sender.isReady) this.events.output();
  }

  abstract priorityUpdate(id: number, value: string): void;

  idleFrame(): void {
    this.budgets.spendIdleFrame();
  }

  /** Why a body does not fit what was said of it; undefined where it does. */
  #misfit(stream: Stream<Owner>, bytes: number, ended: boolean): ProxyError | undefined {
    if (!stream.hasHead) return new ProxyError("bad_response", "DATA stands before the head");
    if (stream.bodyLeft === UNKNOWN) return undefined;
    if (bytes > stream.bodyLeft) {
      return new ProxyError("bad_length", stream.expectsBody ? LONG_BODY : NEEDLESS_BODY);
    }
    stream.bodyLeft -= bytes;
    return ended && stream.bodyLeft > 0 ? shortBody() : undefined;
  }

  /** The windows of streams follow the initial one, also below 0 (section 6.9.2). */
  #shiftWindows(by: number): void {
    if (by === 0) return;
    for (const stream of this.live) {
      if (!stream.sendWindow.grow(by)) throw flowControlError(WINDOW_TOO_LARGE);
      this.sender.wake(stream);
    }
  }

  #sentEnd(stream: Stream<Owner>): void {
    stream.pass("send_end");
    this.sentMessage();
    this.closeIfDone(stream);
  }

  /** So many bytes of bodies are over. The connection's window waits for none, up to a bound. */
  #release(bytes: number): void {
    this.#held -= bytes;
    const ahead = this.#held - this.#window.held;
    const releasable = Math.min(this.#window.held, this.#heldBytes - ahead);
    if (releasable <= 0) return;
    const increment = this.#window.release(releasable);
    if (increment === 0) return;
    this.sender.writer.windowUpdate(0, increment);
    this.events.output();
  }

  /** A stream is over: what it held and what waited on it goes with it. */
  #forget(stream: Stream<Owner>): void {
    this.live.delete(stream);
    this.sender.drop(stream);
    const { held } = stream.receiveWindow;
    stream.receiveWindow.held = 0;
    if (held > 0) this.#release(held);
    if (this.live.size === 0) this.noStreamLeft();
  }

  #end(reset: StreamReset): void {
    this.#failed = true;
    this.#frames.stop();
    for (const stream of this.live.values()) {
      stream.state = "closed";
      this.live.delete(stream);
      this.sender.drop(stream);
      this.events.reset(stream, reset);
    }
  }
}

const PING = new TextEncoder().encode("liveness");
const LONG_BODY = "The body is longer than Content-Length says";
const NEEDLESS_BODY = "There is a body where none may be: for HEAD, or with a 204 or a 304";
const WINDOW_TOO_LARGE = "A window is larger than any may be";

function shortBody(): ProxyError {
  return new ProxyError("truncated_request", "The body is shorter than Content-Length says");
}

function textOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}

function protocolError(message: string): Http2Error {
  return new Http2Error(ERROR.protocolError, message);
}

function flowControlError(message: string): Http2Error {
  return new Http2Error(ERROR.flowControlError, message);
}
