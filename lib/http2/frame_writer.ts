import { BufferPool, NO_BYTES } from "../io/buffer_pool.ts";
import {
  DEFAULT_FRAME_BYTES,
  FLAG,
  FRAME,
  FRAME_HEADER_BYTES,
  PREFACE,
  writeUint32,
} from "./wire.ts";

/** A buffer of output that somebody has taken; `giveOutput` gives it back once it is written. */
export type Output = Uint8Array<ArrayBuffer>;

/** Writes frames one behind the other into a buffer that is taken as a whole (RFC 9113, section 6). */
export class FrameWriter {
  #buffer: Output = NO_BYTES;
  /** Bytes that wait to be taken. */
  length = 0;

  /** @returns a range of a buffer that is the caller's until `giveOutput`; undefined where nothing waits */
  take(): Output | undefined {
    if (this.length === 0) return undefined;
    const output = this.#buffer.subarray(0, this.length);
    this.#buffer = NO_BYTES;
    this.length = 0;
    return output;
  }

  /** What a client begins with, before any frame. */
  preface(): void {
    this.#reserve(PREFACE.length);
    this.#buffer.set(PREFACE, this.length);
    this.length += PREFACE.length;
  }

  /** @param pairs identifiers and values */
  settings(pairs: readonly (readonly [id: number, value: number])[]): void {
    let at = this.#frame(pairs.length * 6, FRAME.settings, 0, 0);
    for (const [id, value] of pairs) {
      this.#buffer[at] = id >>> 8;
      this.#buffer[at + 1] = id;
      at = writeUint32(this.#buffer, at + 2, value);
    }
  }

  settingsAck(): void {
    this.#frame(0, FRAME.settings, FLAG.ack, 0);
  }

  /** @param from where the 8 bytes stand in `bytes` */
  ping(bytes: Uint8Array, from: number, ack: boolean): void {
    const at = this.#frame(8, FRAME.ping, ack ? FLAG.ack : 0, 0);
    for (let i = 0; i < 8; i++) this.#buffer[at + i] = bytes[from + i] as number;
  }

  /** @param reason for people, in ASCII */
  goaway(lastId: number, code: number, reason: string): void {
    const at = this.#frame(8 + reason.length, FRAME.goaway, 0, 0);
    writeUint32(this.#buffer, at, lastId);
    writeUint32(this.#buffer, at + 4, code);
    for (let i = 0; i < reason.length; i++) this.#buffer[at + 8 + i] = reason.charCodeAt(i);
  }

  resetStream(id: number, code: number): void {
    this.#frameOfNumber(FRAME.rstStream, id, code);
  }

  windowUpdate(id: number, increment: number): void {
    this.#frameOfNumber(FRAME.windowUpdate, id, increment);
  }

  /** A header block: HEADERS, and CONTINUATION where a frame of the least size is too small. */
  headers(
    id: number,
    { block, length, ended }: {
      block: Uint8Array;
      length: number;
      ended: boolean;
    },
  ): void {
    let type: number = FRAME.headers;
    let from = 0;
    do {
      const to = Math.min(length, from + DEFAULT_FRAME_BYTES);
      const flags = (to === length ? FLAG.endHeaders : 0) |
        (ended && type === FRAME.headers ? FLAG.endStream : 0);
      const at = this.#frame(to - from, type, flags, id);
      copy(block, from, to, this.#buffer, at);
      type = FRAME.continuation;
      from = to;
    } while (from < length);
  }

  data(
    id: number,
    { bytes, from, to, ended }: { bytes: Uint8Array; from: number; to: number; ended: boolean },
  ): void {
    const at = this.#frame(to - from, FRAME.data, ended ? FLAG.endStream : 0, id);
    copy(bytes, from, to, this.#buffer, at);
  }

  #frameOfNumber(type: number, id: number, value: number): void {
    const at = this.#frame(4, type, 0, id);
    writeUint32(this.#buffer, at, value);
  }

  /** Writes a frame's header and makes room for its payload. @returns where that goes */
  #frame(length: number, type: number, flags: number, id: number): number {
    this.#reserve(FRAME_HEADER_BYTES + length);
    const buffer = this.#buffer;
    const at = this.length;
    buffer[at] = length >>> 16;
    buffer[at + 1] = length >>> 8;
    buffer[at + 2] = length;
    buffer[at + 3] = type;
    buffer[at + 4] = flags;
    writeUint32(buffer, at + 5, id);
    this.length = at + FRAME_HEADER_BYTES + length;
    return at + FRAME_HEADER_BYTES;
  }

  #reserve(bytes: number): void {
    const needed = this.length + bytes;
    const old = this.#buffer;
    if (needed <= old.length) return;
    this.#buffer = bufferOf(needed);
    if (this.length > 0) this.#buffer.set(old.subarray(0, this.length));
    giveOutput(old);
  }
}

/** Gives back what `FrameWriter.take` gave; the caller must be the last who knows it. */
export function giveOutput(output: Output): void {
  const whole = output.length === output.buffer.byteLength
    ? output
    : new Uint8Array(output.buffer as ArrayBuffer);
  SMALL_POOL.give(whole);
  LARGE_POOL.give(whole);
}

/** Output beyond which no more DATA is framed: what is ready later may be more urgent. */
export const OUTPUT_BYTES = 48 * 1024;

/** Short ranges are copied faster by hand than by making a view of them. */
function copy(from: Uint8Array, start: number, end: number, into: Uint8Array, at: number): void {
  if (end - start <= 32) {
    for (let i = start, j = at; i < end; i++, j++) into[j] = from[i] as number;
  } else if (start === 0 && end === from.length) into.set(from, at);
  else into.set(from.subarray(start, end), at);
}

/** Heads and small answers of a turn. */
const SMALL_BYTES = 4 * 1024;
/** As much output as is framed, one more frame, and what heads and control frames come meanwhile. */
const LARGE_BYTES = 128 * 1024;

const SMALL_POOL = new BufferPool(SMALL_BYTES, { maxBytes: 1024 * 1024 });
const LARGE_POOL = new BufferPool(LARGE_BYTES, { maxBytes: 4 * 1024 * 1024 });

function bufferOf(bytes: number): Output {
  if (bytes <= SMALL_BYTES) return SMALL_POOL.take();
  return bytes <= LARGE_BYTES ? LARGE_POOL.take() : new Uint8Array(bytes * 2);
}
