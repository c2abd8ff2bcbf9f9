import { NO_BYTES } from "../io/buffer_pool.ts";
import { Http2Error } from "./http2_error.ts";
import {
  DEFAULT_FRAME_BYTES,
  ERROR,
  FLAG,
  FRAME,
  FRAME_HEADER_BYTES,
  PREFACE,
  readUint31,
} from "./wire.ts";

/** What the bytes of a connection say, frame by frame. Ranges of bytes are valid during the call. */
export interface FrameSink {
  /** A header is read; what it says stands in the reader. An unpadded DATA frame's payload follows in pieces. */
  begin(): void;
  /** A piece of an unpadded DATA frame's payload; of an empty one there is one empty piece. */
  piece(bytes: Uint8Array, from: number, to: number, last: boolean): void;
  /** The whole payload of any other frame. */
  payload(bytes: Uint8Array, from: number, to: number): void;
}

/**
 * Cuts bytes into frames (RFC 9113, section 4.1), whatever pieces they come in: frames that are
 * whole are read in place, others are collected, but for DATA, which is handed on as it comes.
 */
export class FrameReader {
  /** Of the frame that is being read. */
  type = 0;
  flags = 0;
  id = 0;
  length = 0;
  readonly #sink: FrameSink;
  /** Bytes of the preface that are awaited. */
  #prefaceLeft: number;
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES);
  #headerHave = 0;
  #collected: Uint8Array = NO_BYTES;
  #have = 0;
  /** Bytes of the payload that are awaited. */
  #left = 0;
  #isPieces = false;
  #stopped = false;

  /** @param awaitsPreface whether the peer is a client, which begins with it */
  constructor(sink: FrameSink, awaitsPreface: boolean) {
    this.#sink = sink;
    this.#prefaceLeft = awaitsPreface ? PREFACE.length : 0;
  }

  /** Whether a frame has begun that is no DATA, or may yet become any. */
  get isInside(): boolean {
    return this.#headerHave > 0 || (this.#left > 0 && this.type !== FRAME.data);
  }

  /** Drops everything from here on, also what is left of the bytes that are being fed. */
  stop(): void {
    this.#stopped = true;
    this.#collected = NO_BYTES;
  }

  /** @throws {Http2Error} where a frame is too large, and whatever the sink throws */
  feed(bytes: Uint8Array): void {
    let at = this.#prefaceLeft > 0 ? this.#skipPreface(bytes) : 0;
    while (at < bytes.length && !this.#stopped) {
      if (this.#left === 0) at = this.#feedHeader(bytes, at);
      else if (this.#isPieces) at = this.#feedPiece(bytes, at);
      else at = this.#collect(bytes, at);
    }
  }

  #skipPreface(bytes: Uint8Array): number {
    let at = 0;
    for (; at < bytes.length && this.#prefaceLeft > 0; at++, this.#prefaceLeft--) {
      if (bytes[at] !== PREFACE[PREFACE.length - this.#prefaceLeft]) {
        throw new Http2Error(ERROR.protocolError, "The connection does not begin with the preface");
      }
    }
    return at;
  }

  #feedHeader(bytes: Uint8Array, start: number): number {
    if (this.#headerHave === 0 && bytes.length - start >= FRAME_HEADER_BYTES) {
      this.#readHeader(bytes, start);
      return this.#begin(bytes, start + FRAME_HEADER_BYTES);
    }
    let at = start;
    while (at < bytes.length && this.#headerHave < FRAME_HEADER_BYTES) {
      this.#header[this.#headerHave++] = bytes[at++] as number;
    }
    if (this.#headerHave < FRAME_HEADER_BYTES) return at;
    this.#headerHave = 0;
    this.#readHeader(this.#header, 0);
    return this.#begin(bytes, at);
  }

  #readHeader(bytes: Uint8Array, at: number): void {
    this.length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) |
      (bytes[at + 2] as number);
    this.type = bytes[at + 3] as number;
    this.flags = bytes[at + 4] as number;
    this.id = readUint31(bytes, at + 5);
  }

  /** A payload that is at hand is read where it stands. */
  #begin(bytes: Uint8Array, at: number): number {
    const { length } = this;
    // we never allow more than what everybody may send (section 4.2)
    if (length > DEFAULT_FRAME_BYTES) {
      throw new Http2Error(ERROR.frameSizeError, `A frame has ${length} bytes`);
    }
    this.#sink.begin();
    this.#isPieces = this.type === FRAME.data && (this.flags & FLAG.padded) === 0;
    if (this.#isPieces) {
      this.#left = length;
      if (length === 0) this.#sink.piece(bytes, at, at, true);
      return at;
    }
    if (bytes.length - at >= length) {
      this.#sink.payload(bytes, at, at + length);
      return at + length;
    }
    this.#left = length;
    this.#have = 0;
    this.#collected = new Uint8Array(length);
    return at;
  }

  #feedPiece(bytes: Uint8Array, at: number): number {
    const end = Math.min(bytes.length, at + this.#left);
    this.#left -= end - at;
    this.#sink.piece(bytes, at, end, this.#left === 0);
    return end;
  }

  #collect(bytes: Uint8Array, at: number): number {
    const end = Math.min(bytes.length, at + this.#left);
    this.#collected.set(bytes.subarray(at, end), this.#have);
    this.#have += end - at;
    this.#left -= end - at;
    if (this.#left > 0) return end;
    const payload = this.#collected;
    this.#collected = NO_BYTES;
    this.#sink.payload(payload, 0, payload.length);
    return end;
  }
}
