import type { Field } from "../http/field.ts";
import { UNKNOWN_LENGTH } from "../http/message.ts";
import type { RoomyBuffer } from "../io/roomy_buffer.ts";
import { bodyDecoder } from "./body_decoder.ts";
import type { BodyRules } from "./body_rules.ts";
import { LAST_CHUNK } from "./last_chunk.ts";
import { BodyOutput, frameSize } from "./body_output.ts";
import { ChunkWalk } from "./chunk_walk.ts";

/**
 * Goes over the bodies of a connection, in turn, in the buffer that they are read into, and says
 * what of each piece is to go on: as plain bytes, or, where the length is unknown and that is asked
 * for, in chunks.
 */
export class BodyWalk {
  /** Behind what was taken. */
  at = 0;
  ended = true;
  /** Bytes of the body so far, and the same with what frames them and the trailers. */
  bytes = 0;
  wireBytes = 0;
  #length = 0;
  #chunks: ChunkWalk | undefined;
  #asChunks = false;
  #rules: BodyRules | undefined;
  readonly #output = new BodyOutput();

  /** Where the range lies that is to go on. */
  get buffer(): Uint8Array {
    return this.#output.bytes;
  }

  get from(): number {
    return this.#output.from;
  }

  get to(): number {
    return this.#output.to;
  }

  /** Once it has ended, where they are not among its chunks. */
  get trailers(): readonly Field[] {
    return this.#chunks?.trailers ?? NO_TRAILERS;
  }

  /**
   * Begins with a body.
   *
   * @param length its bytes, or `NO_BODY` or `UNKNOWN_LENGTH`
   * @param isChunked whether it comes in chunks; else, where its length is unknown, the end ends it
   */
  begin(length: number, isChunked: boolean, rules: BodyRules): void {
    this.#length = length;
    this.#rules = rules;
    this.#chunks = length === UNKNOWN_LENGTH && isChunked ? new ChunkWalk(rules) : undefined;
    this.#asChunks = false;
    this.ended = length <= 0 && length !== UNKNOWN_LENGTH;
    this.bytes = this.wireBytes = 0;
  }

  /** Whether it goes on in chunks, where its length is unknown. To be said before any is taken. */
  set chunks(chunks: boolean) {
    this.#asChunks = chunks && this.#length === UNKNOWN_LENGTH;
    if (this.#chunks !== undefined) this.#chunks.asChunks = this.#asChunks;
  }

  /** Bytes that `take` puts before a piece of so many, where it may. */
  before(count: number): number {
    const isFramed = this.#asChunks && this.#chunks === undefined && count > 0;
    return isFramed ? frameSize(count) : 0;
  }

  /**
   * Takes a piece that stands in a buffer from `at` to `filled`, and may have another message behind
   * it. What is behind `filled` is not touched, nor is a head before the first piece.
   *
   * @param room bytes before `at` that are over; the head lies before the first piece
   * @throws {ProxyError} as `BodyRules` says
   */
  take(
    { bytes }: RoomyBuffer,
    at: number,
    filled: number,
    room: number = this.bytes === 0 ? 0 : at,
  ): void {
    this.#output.begin(bytes, at);
    this.at = at;
    if (this.ended || at === filled) return;
    if (this.#chunks !== undefined) {
      this.at = this.#chunks.take(this.#output, at, filled);
      this.ended = this.#chunks.ended;
      this.bytes = this.#chunks.bytes;
      this.wireBytes += this.at - at;
      return;
    }
    const isOpen = this.#length === UNKNOWN_LENGTH;
    const count = isOpen ? filled - at : Math.min(filled - at, this.#length - this.bytes);
    if (this.#asChunks) this.#output.frame({ at, count, room });
    else this.#output.keep(at, count);
    this.at = at + count;
    this.bytes += count;
    this.wireBytes += count;
    this.ended = this.bytes === this.#length;
  }

  /**
   * The connection has ended.
   *
   * @param at where there is room for a last chunk
   * @throws {ProxyError} where the body had not
   */
  finish({ bytes }: RoomyBuffer, at: number): void {
    this.#output.begin(bytes, at);
    this.at = at;
    if (this.ended) return;
    if (this.#length !== UNKNOWN_LENGTH) this.#breakOff();
    this.#chunks?.finish();
    this.ended = true;
    if (this.#asChunks) this.#output.put(LAST_CHUNK, at);
  }

  #breakOff(): void {
    const left = this.#length - this.bytes;
    const framing = { kind: "length", length: left } as const;
    bodyDecoder(framing, this.#rules as BodyRules)?.end(() => {});
  }
}

const NO_TRAILERS: readonly Field[] = [];
