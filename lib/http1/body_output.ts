import { encodeLatin1 } from "../core/latin1.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";

/**
 * What goes on of a piece of a body, put together in the buffer that the piece lies in: it is never
 * longer than what has been read of it, and of what came before it. Where nothing is left out it is
 * the piece itself, and nothing is copied.
 */
export class BodyOutput {
  bytes: Uint8Array = NO_BYTES;
  from = 0;
  to = 0;

  /** Begins with a piece that stands in a buffer from `at` on. */
  begin(bytes: Uint8Array, at: number): void {
    this.bytes = bytes;
    this.from = at;
    this.to = at;
  }

  /** Adds bytes of the piece. */
  keep(at: number, count: number): void {
    if (count === 0) return;
    if (this.from === this.to) this.from = this.to = at;
    else if (this.to !== at) this.bytes.copyWithin(this.to, at, at + count);
    this.to += count;
  }

  /**
   * Adds text of ours: right before what has not been read yet where nothing stands before it.
   *
   * @param read how far the piece has been read
   */
  put(text: string, read: number): void {
    if (this.from === this.to) this.from = this.to = read - text.length;
    for (let i = 0; i < text.length; i++) this.bytes[this.to + i] = text.charCodeAt(i);
    this.to += text.length;
  }

  /**
   * Makes a chunk of bytes of the piece, before which nothing stands yet. Its frame takes
   * `frameSize` bytes before them, as what is behind them may not be ours; where there is less room
   * all of it moves to bytes of its own.
   */
  frame({ at, count, room }: { at: number; count: number; room: number }): void {
    if (count === 0) return;
    let start = at - CRLF.length;
    if (room < frameSize(count)) {
      const piece = this.bytes.subarray(at, at + count);
      start = sizeLine(count).length;
      this.begin(new Uint8Array(count + frameSize(count)), start);
      this.bytes.set(piece, start);
    } else {
      this.bytes.copyWithin(start, at, at + count);
    }
    this.put(sizeLine(count), start);
    this.to += count;
    this.put(CRLF, this.to);
  }

  /** Adds text of ours of any length, for which all of it moves to bytes of its own. */
  append(text: string): void {
    const size = this.to - this.from;
    const bytes = new Uint8Array(size + text.length);
    bytes.set(this.bytes.subarray(this.from, this.to));
    bytes.set(encodeLatin1(text), size);
    this.bytes = bytes;
    this.from = 0;
    this.to = bytes.length;
  }
}

/** Bytes that the frame of a chunk takes. */
export function frameSize(count: number): number {
  return sizeLine(count).length + CRLF.length;
}

function sizeLine(count: number): string {
  return count.toString(16) + CRLF;
}

const CRLF = "\r\n";
