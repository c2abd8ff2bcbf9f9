import type { Field } from "../http/field.ts";
import { CR, LF } from "../http/grammar.ts";
import { encodeLatin1 } from "../core/latin1.ts";
import { type BodyDecoder, bodyDecoder, type BodyPart, MAX_SIZE_DIGITS } from "./body_decoder.ts";
import type { BodyRules } from "./body_rules.ts";
import { LAST_CHUNK, lastChunkText } from "./last_chunk.ts";
import type { BodyOutput } from "./body_output.ts";

/**
 * Goes over a chunked body (RFC 9112, section 7.1) where it lies. Chunks that are spelled as this
 * proxy spells them are passed as they are, or taken out of their frames. From the first that is not
 * on, the decoder reads them, and they are framed anew.
 */
export class ChunkWalk {
  ended = false;
  /** Bytes of the body so far. */
  bytes = 0;
  /** Those of the body, once it has ended. */
  trailers: readonly Field[] = NO_TRAILERS;
  /** Whether it goes on in chunks. */
  asChunks = false;
  readonly #rules: BodyRules;
  #state: State = SIZE;
  /** Bytes left of the chunk, or the size read so far. */
  #size = 0;
  #digits = 0;
  /** Where the line that is being read begins in this piece, or -1 where it has begun before. */
  #lineAt = -1;
  #decoder: BodyDecoder | undefined;
  /** Whether the end of a chunk of the decoder's is to be put. */
  #owesEnd = false;

  constructor(rules: BodyRules) {
    this.#rules = rules;
  }

  /**
   * Takes a piece.
   *
   * @returns where the piece, or the body in it, ends
   * @throws {ProxyError} as `BodyRules` says
   */
  take(output: BodyOutput, at: number, filled: number): number {
    if (this.#decoder !== undefined) return this.#decode(this.#decoder, output, at, filled);
    const { bytes } = output;
    this.#lineAt = -1;
    let read = at;
    while (read < filled && !this.ended) {
      if (this.#state === DATA) {
        const count = Math.min(filled - read, this.#size);
        output.keep(read, count);
        read += count;
        this.bytes += count;
        this.#size -= count;
        if (this.#size === 0) this.#state = DATA_CR;
      } else if (this.#takeByte(output, bytes[read] as number, read)) {
        read++;
      } else {
        return this.#decode(this.#beginDecoder(), output, read, filled);
      }
    }
    return read;
  }

  /**
   * The connection has ended.
   *
   * @throws {ProxyError} where the body had not
   */
  finish(): void {
    if (!this.ended) chunkedDecoder(this.#rules).end(() => {});
  }

  /** @returns false where it is not what would be written here; nothing has changed then */
  #takeByte(output: BodyOutput, byte: number, at: number): boolean {
    switch (this.#state) {
      case SIZE:
        return this.#takeSize(byte, at);
      case SIZE_LF:
        if (byte !== LF) return false;
        if (this.#size > 0) this.#passLine(output, at + 1);
        this.#state = this.#size > 0 ? DATA : LAST_CR;
        return true;
      case LAST_CR:
        if (byte !== CR) return false;
        this.#state = LAST_LF;
        return true;
      case LAST_LF:
        if (byte !== LF) return false;
        this.#passLine(output, at + 1);
        this.ended = true;
        return true;
      case DATA_CR:
        if (byte !== CR) return false;
        if (this.asChunks) output.keep(at, 1);
        this.#state = DATA_LF;
        return true;
      default:
        if (byte !== LF) return false;
        if (this.asChunks) output.keep(at, 1);
        this.#state = SIZE;
        this.#digits = 0;
        return true;
    }
  }

  #takeSize(byte: number, at: number): boolean {
    if (byte === CR && this.#digits > 0) {
      this.#state = SIZE_LF;
      return true;
    }
    const digit = digitOf(byte);
    const isPadded = this.#digits > 0 && this.#size === 0;
    if (digit < 0 || isPadded || this.#digits === MAX_SIZE_DIGITS) return false;
    if (this.#digits === 0) this.#lineAt = at;
    this.#digits++;
    this.#size = this.#size * 16 + digit;
    return true;
  }

  /** Passes the line that ends here, or the last two; what came of it in an earlier piece, too. */
  #passLine(output: BodyOutput, end: number): void {
    if (!this.asChunks) return;
    if (this.#lineAt >= 0) output.keep(this.#lineAt, end - this.#lineAt);
    else output.put(this.#size === 0 ? LAST_CHUNK : `${this.#size.toString(16)}\r\n`, end);
  }

  /** The decoder, which has read as much of the line as has been read here. */
  #beginDecoder(): BodyDecoder {
    const decoder = this.#decoder = chunkedDecoder(this.#rules);
    const size = this.#digits > 0 ? this.#size.toString(16) : "";
    decoder.feed(encodeLatin1(READ_SO_FAR[this.#state](size)), 0, () => {});
    return decoder;
  }

  #decode(decoder: BodyDecoder, output: BodyOutput, at: number, filled: number): number {
    const { bytes } = output;
    /** Where the data ends that was met last. */
    let dataEnd = -1;
    const emit = (part: BodyPart) => {
      if (part.kind === "end") return this.#end(part.trailers);
      const from = part.bytes.byteOffset - bytes.byteOffset;
      const count = part.bytes.length;
      dataEnd = from + count;
      this.bytes += count;
      if (this.asChunks) output.put(`${this.#owed()}${count.toString(16)}${CRLF}`, from);
      output.keep(from, count);
      this.#owesEnd = this.asChunks;
    };
    const read = decoder.feed(bytes.subarray(0, filled), at, emit);
    if (this.ended && this.asChunks) this.#putLast(output, read);
    else if (read - dataEnd >= CRLF.length) output.put(this.#owed(), read);
    return read;
  }

  #end(trailers: readonly Field[]): void {
    this.ended = true;
    this.trailers = trailers;
  }

  #putLast(output: BodyOutput, read: number): void {
    const last = this.#owed() + lastChunkText(this.trailers);
    // trailers may be longer than they came
    if (last.length > MAX_LAST) output.append(last);
    else output.put(last, read);
  }

  /** What is to stand before anything else. */
  #owed(): string {
    const owed = this.#owesEnd ? CRLF : "";
    this.#owesEnd = false;
    return owed;
  }
}

type State = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** What comes next: `size CRLF data CRLF`, and `0 CRLF CRLF` at last. */
const SIZE = 0;
const SIZE_LF = 1;
const DATA = 2;
const DATA_CR = 3;
const DATA_LF = 4;
const LAST_CR = 5;
const LAST_LF = 6;

/** What has been read of the line of a state, given the size so far; any chunk stands for the data. */
const READ_SO_FAR: Readonly<Record<State, (size: string) => string>> = {
  [SIZE]: (size) => size,
  [SIZE_LF]: (size) => `${size}\r`,
  [DATA]: () => "1\r\n",
  [DATA_CR]: () => "1\r\nx",
  [DATA_LF]: () => "1\r\nx\r",
  [LAST_CR]: () => "0\r\n",
  [LAST_LF]: () => "0\r\n\r",
};

const CRLF = "\r\n";
const MAX_LAST = CRLF.length + LAST_CHUNK.length;
const NO_TRAILERS: readonly Field[] = [];

function chunkedDecoder(rules: BodyRules): BodyDecoder {
  return bodyDecoder({ kind: "chunked" }, rules) as BodyDecoder;
}

/** In lower case, as sizes are written here; negative where it is none. */
function digitOf(byte: number): number {
  if (byte <= 0x39) return byte - 0x30;
  return byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : -1;
}
