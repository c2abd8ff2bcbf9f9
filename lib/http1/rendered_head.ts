import { encodeLatin1 } from "../core/latin1.ts";
import type { Range } from "../http/message.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";

/** A head as the other side gets it; one object for all heads of a connection. */
export class RenderedHead implements Range {
  bytes: Uint8Array = NO_BYTES;
  from = 0;
  to = 0;
  /** Whether it has been rendered since `forget`. */
  isDone = false;

  forget(): void {
    this.isDone = false;
    this.bytes = NO_BYTES;
  }

  /** It lies there. */
  set(bytes: Uint8Array, from: number, to: number): void {
    this.bytes = bytes;
    this.from = from;
    this.to = to;
    this.isDone = true;
  }

  /**
   * Puts text of one character a byte where the head was that it takes the place of, so that what
   * follows is right behind it; where that lacks room, into bytes of its own.
   *
   * @param end of that head in its buffer; all before it may be written to
   */
  put(text: string, buffer: Uint8Array, end: number): void {
    const bytes = encodeLatin1(text);
    const from = end - bytes.length;
    if (from < 0) return this.set(bytes, 0, bytes.length);
    buffer.set(bytes, from);
    this.set(buffer, from, end);
  }
}
