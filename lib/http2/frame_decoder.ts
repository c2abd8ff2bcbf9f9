import { FrameReader, type FrameSink } from "./frame_reader.ts";
import { plural } from "../core/plural.ts";
import { type BlockLimits, HeaderBlock } from "./header_block.ts";
import { Http2Error } from "./http2_error.ts";
import { textOf } from "./hpack/text.ts";
import { ERROR, FLAG, FRAME, readUint31, readUint32 } from "./wire.ts";

/** What frames say, one call each. Ranges of bytes are valid during the call. */
export interface FrameHandler {
  /** DATA begins. @param padding bytes of `length` that are no data */
  dataBegins(id: number, length: number, padding: number, ended: boolean): void;
  /** The data of the frame that began last; an empty piece where it has none. */
  dataPiece(bytes: Uint8Array, from: number, to: number, last: boolean): void;
  /** A header block is whole. */
  headerBlock(block: BlockFrame): void;
  /** A frame is wrong in a way that concerns its stream alone. */
  badFrame(id: number, code: number, reason: string): void;
  streamReset(id: number, code: number): void;
  /** SETTINGS, six bytes each. */
  settingsFrame(bytes: Uint8Array, from: number, to: number): void;
  settingsAck(): void;
  /** @param from where its 8 bytes stand */
  pingFrame(bytes: Uint8Array, from: number, ack: boolean): void;
  goawayFrame(lastId: number, code: number): void;
  /** @param id 0 for the connection */
  windowUpdate(id: number, increment: number): void;
  /** A PRIORITY_UPDATE. @param value as the `priority` field has it */
  priorityUpdate(id: number, value: string): void;
  /** A frame that says nothing here: PRIORITY, or one of a type that nobody knows. */
  idleFrame(): void;
}

/** A header block that is whole, of HEADERS and its CONTINUATIONs; `id` is its stream's. */
export interface BlockFrame {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
  readonly ended: boolean;
  /** Whether it says that the stream depends on itself (RFC 7540, section 5.3.1). */
  readonly dependsOnItself: boolean;
}

/** What blocks may take up, and which end of the connection this is. */
export interface FrameDecoderOptions extends BlockLimits {
  /** Whether the peer is a client. */
  readonly awaitsPreface: boolean;
}

/**
 * Reads frames as far as each is right by itself (RFC 9113, section 6): lengths, padding, on a
 * stream or on none, header blocks without anything in between. What they mean for a stream is for
 * the handler.
 */
export class FrameDecoder implements FrameSink {
  readonly #handler: FrameHandler;
  readonly #reader: FrameReader;
  readonly #block: HeaderBlock;
  #hasSettings = false;

  constructor(handler: FrameHandler, options: FrameDecoderOptions) {
    this.#handler = handler;
    this.#block = new HeaderBlock(options);
    this.#reader = new FrameReader(this, options.awaitsPreface);
  }

  /** @throws {Http2Error} */
  feed(bytes: Uint8Array): void {
    this.#reader.feed(bytes);
  }

  /** Whether a frame or a header block has begun that tells nothing before it is whole. */
  get isInside(): boolean {
    return this.#block.id !== 0 || this.#reader.isInside;
  }

  /** Nothing more is looked at. */
  stop(): void {
    this.#reader.stop();
  }

  begin(): void {
    const { type, flags, id, length } = this.#reader;
    if (!this.#hasSettings) {
      if (type !== FRAME.settings || (flags & FLAG.ack) !== 0) {
        throw protocolError("The connection does not begin with SETTINGS");
      }
      this.#hasSettings = true;
    }
    const isContinuation = type === FRAME.continuation && id === this.#block.id;
    if (this.#block.id !== 0 && !isContinuation) {
      throw protocolError("A header block is interrupted");
    }
    if (this.#block.id === 0 && type === FRAME.continuation) {
      throw protocolError("CONTINUATION stands without HEADERS");
    }
    const rule = RULES[type];
    if (rule === undefined) return;
    if (rule.place !== undefined && (id === 0) !== (rule.place === "connection")) {
      throw protocolError(`${rule.name} stands on ${id === 0 ? "no stream" : "a stream"}`);
    }
    if (rule.fits !== undefined && !rule.fits(length, flags)) {
      throw new Http2Error(ERROR.frameSizeError, `${rule.name} has ${plural(length, "byte")}`);
    }
    if (type === FRAME.data && (flags & FLAG.padded) === 0) {
      this.#handler.dataBegins(id, length, 0, (flags & FLAG.endStream) !== 0);
    }
  }

  piece(bytes: Uint8Array, from: number, to: number, last: boolean): void {
    this.#handler.dataPiece(bytes, from, to, last);
  }

  payload(bytes: Uint8Array, from: number, to: number): void {
    const { id, flags } = this.#reader;
    const handler = this.#handler;
    switch (this.#reader.type) {
      case FRAME.data:
        return this.#paddedData(bytes, from, to);
      case FRAME.headers:
        return this.#headers(bytes, from, to);
      case FRAME.continuation:
        return this.#continuation(bytes, from, to);
      case FRAME.priority:
        return this.#priority(bytes, from, to);
      case FRAME.rstStream:
        return handler.streamReset(id, readUint32(bytes, from));
      case FRAME.settings:
        if ((flags & FLAG.ack) !== 0) return handler.settingsAck();
        return handler.settingsFrame(bytes, from, to);
      case FRAME.pushPromise:
        // a client pushes nothing, and a server was told not to (section 6.6)
        throw protocolError("PUSH_PROMISE is not allowed");
      case FRAME.ping:
        return handler.pingFrame(bytes, from, (flags & FLAG.ack) !== 0);
      case FRAME.goaway:
        return handler.goawayFrame(readUint31(bytes, from), readUint32(bytes, from + 4));
      case FRAME.windowUpdate:
        return handler.windowUpdate(id, readUint31(bytes, from));
      case FRAME.priorityUpdate:
        return handler.priorityUpdate(readUint31(bytes, from), textOf(bytes, from + 4, to));
      default:
        return handler.idleFrame();
    }
  }

  /** Section 6.1. */
  #paddedData(bytes: Uint8Array, from: number, to: number): void {
    const { id, flags, length } = this.#reader;
    const padding = paddingOf(bytes, from, length);
    this.#handler.dataBegins(id, length, padding + 1, (flags & FLAG.endStream) !== 0);
    this.#handler.dataPiece(bytes, from + 1, to - padding, true);
  }

  /** Section 6.2. */
  #headers(bytes: Uint8Array, start: number, end: number): void {
    const { id, flags, length } = this.#reader;
    let from = start;
    let to = end;
    if ((flags & FLAG.padded) !== 0) {
      to -= paddingOf(bytes, start, length);
      from++;
    }
    let dependsOnItself = false;
    if ((flags & FLAG.priority) !== 0) {
      if (to - from < 5) throw new Http2Error(ERROR.frameSizeError, "HEADERS has no priority");
      dependsOnItself = readUint31(bytes, from) === id;
      from += 5;
    }
    const ended = (flags & FLAG.endStream) !== 0;
    if ((flags & FLAG.endHeaders) !== 0) {
      return this.#handler.headerBlock({ id, bytes, from, to, ended, dependsOnItself });
    }
    this.#block.begin(id, { ended, dependsOnItself });
    this.#block.append(bytes, from, to);
  }

  /** Section 6.10. */
  #continuation(bytes: Uint8Array, from: number, to: number): void {
    const block = this.#block;
    block.append(bytes, from, to);
    if ((this.#reader.flags & FLAG.endHeaders) === 0) return;
    const { id, ended, dependsOnItself } = block;
    const whole = block.end();
    this.#handler.headerBlock({
      id,
      bytes: whole,
      from: 0,
      to: whole.length,
      ended,
      dependsOnItself,
    });
  }

  /** Section 6.3; what it says was given up. */
  #priority(bytes: Uint8Array, from: number, to: number): void {
    const { id } = this.#reader;
    this.#handler.idleFrame();
    if (to - from !== 5) {
      this.#handler.badFrame(id, ERROR.frameSizeError, "PRIORITY is of another size");
    } else if (readUint31(bytes, from) === id) {
      this.#handler.badFrame(id, ERROR.protocolError, DEPENDS_ON_ITSELF);
    }
  }
}

/** What is wrong with a stream that depends on itself. */
export const DEPENDS_ON_ITSELF = "The stream depends on itself";

interface FrameRule {
  readonly name: string;
  /** Where it has to stand; anywhere where it does not say. */
  readonly place?: "stream" | "connection";
  readonly fits?: (length: number, flags: number) => boolean;
}

/** The first byte says how many there are behind the data, which cannot be all (section 6.1). */
function paddingOf(bytes: Uint8Array, from: number, length: number): number {
  const padding = bytes[from] as number;
  if (padding >= length) throw protocolError("There is more padding than payload");
  return padding;
}

/** What a frame of each type must be like before its payload is looked at (section 6). */
const RULES: Readonly<Record<number, FrameRule>> = {
  [FRAME.data]: {
    name: "DATA",
    place: "stream",
    fits: (length, flags) => length > 0 || (flags & FLAG.padded) === 0,
  },
  [FRAME.headers]: {
    name: "HEADERS",
    place: "stream",
    fits: (length, flags) => length > 0 || (flags & FLAG.padded) === 0,
  },
  [FRAME.priority]: { name: "PRIORITY", place: "stream" },
  [FRAME.rstStream]: { name: "RST_STREAM", place: "stream", fits: (length) => length === 4 },
  [FRAME.settings]: {
    name: "SETTINGS",
    place: "connection",
    fits: (length, flags) => (flags & FLAG.ack) === 0 ? length % 6 === 0 : length === 0,
  },
  [FRAME.pushPromise]: { name: "PUSH_PROMISE" },
  [FRAME.ping]: { name: "PING", place: "connection", fits: (length) => length === 8 },
  [FRAME.goaway]: { name: "GOAWAY", place: "connection", fits: (length) => length >= 8 },
  [FRAME.windowUpdate]: { name: "WINDOW_UPDATE", fits: (length) => length === 4 },
  [FRAME.continuation]: { name: "CONTINUATION", place: "stream" },
  [FRAME.priorityUpdate]: {
    name: "PRIORITY_UPDATE",
    place: "connection",
    fits: (length) => length >= 4,
  },
};

function protocolError(message: string): Http2Error {
  return new Http2Error(ERROR.protocolError, message);
}
