import { ProxyError } from "../core/errors.ts";
import { plural } from "../core/plural.ts";
import type { BodyRules } from "./body_rules.ts";
import { ChunkExtension } from "./chunk_extension.ts";
import type { Framing } from "./framing.ts";
import { CR, HTAB, LF, SP } from "../http/grammar.ts";
import type { Field } from "../http/field.ts";
import { parseTrailers } from "./head.ts";
import { HeadScanner } from "./head_scanner.ts";

/** A piece of a body. */
export type BodyPart =
  /** A view into the bytes that were fed: as short-lived as they. */
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "end"; readonly trailers: readonly Field[] };

/** Cuts one body out of bytes that come in any pieces. */
export interface BodyDecoder {
  /**
   * Takes bytes from `at` on, and emits what they hold, at last one `end`.
   *
   * @returns where it stopped: past the body's end, or at the end of `bytes`
   * @throws {ProxyError} as `BodyRules` says
   */
  feed(bytes: Uint8Array, at: number, emit: (part: BodyPart) => void): number;
  readonly done: boolean;
  /**
   * The connection has ended.
   *
   * @throws {ProxyError} `truncated` where the body had not
   */
  end(emit: (part: BodyPart) => void): void;
}

const END: BodyPart = { kind: "end", trailers: [] };

/** The decoder for a framing; undefined where there is no body, so not even an `end`. */
export function bodyDecoder(framing: Framing, rules: BodyRules): BodyDecoder | undefined {
  switch (framing.kind) {
    case "none":
      return undefined;
    case "length":
      return new LengthDecoder(framing.length, rules);
    case "chunked":
      return new ChunkedDecoder(rules);
    case "until_close":
      return new UntilCloseDecoder();
  }
}

class LengthDecoder implements BodyDecoder {
  #left: number;
  readonly #rules: BodyRules;
  done = false;

  constructor(length: number, rules: BodyRules) {
    this.#left = length;
    this.#rules = rules;
  }

  feed(bytes: Uint8Array, at: number, emit: (part: BodyPart) => void): number {
    const end = Math.min(bytes.length, at + this.#left);
    if (end > at) emit({ kind: "data", bytes: bytes.subarray(at, end) });
    this.#left -= end - at;
    if (this.#left === 0) {
      this.done = true;
      emit(END);
    }
    return end;
  }

  end(): void {
    throw new ProxyError(
      this.#rules.truncated,
      `The body ended ${plural(this.#left, "byte")} too early`,
    );
  }
}

class UntilCloseDecoder implements BodyDecoder {
  done = false;

  feed(bytes: Uint8Array, at: number, emit: (part: BodyPart) => void): number {
    if (at < bytes.length) emit({ kind: "data", bytes: bytes.subarray(at) });
    return bytes.length;
  }

  end(emit: (part: BodyPart) => void): void {
    this.done = true;
    emit(END);
  }
}

type ChunkState =
  | "size"
  | "blanks"
  | "extension"
  | "size_lf"
  | "data"
  | "data_cr"
  | "data_lf"
  | "trailers";

/**
 * Chunked transfer coding (RFC 9112, section 7.1). Chunk extensions are read, bounded and dropped; a
 * size has at most 12 digits; lines end in CRLF and nothing else.
 */
class ChunkedDecoder implements BodyDecoder {
  readonly #rules: BodyRules;
  #state: ChunkState = "size";
  /** Bytes left of the chunk, or the size read so far. */
  #size = 0;
  #digits = 0;
  #extension: ChunkExtension | undefined;
  /** Bytes of extensions and blanks beyond what the chunks so far may have. */
  #excess = 0;
  #trailers: HeadScanner | undefined;
  done = false;

  constructor(rules: BodyRules) {
    this.#rules = rules;
  }

  feed(bytes: Uint8Array, start: number, emit: (part: BodyPart) => void): number {
    let at = start;
    while (at < bytes.length && !this.done) {
      if (this.#state === "data") {
        const end = Math.min(bytes.length, at + this.#size);
        emit({ kind: "data", bytes: bytes.subarray(at, end) });
        this.#size -= end - at;
        at = end;
        if (this.#size === 0) this.#state = "data_cr";
      } else if (this.#state === "trailers") {
        at = this.#feedTrailers(bytes, at, emit);
      } else {
        this.#feedByte(bytes[at++] as number);
      }
    }
    return at;
  }

  end(): void {
    throw new ProxyError(this.#rules.truncated, "The chunked body ended before its last chunk");
  }

  #feedByte(byte: number): void {
    switch (this.#state) {
      case "size":
        return this.#feedSize(byte);
      case "blanks":
        return this.#feedBlank(byte);
      case "extension":
        return this.#feedExtension(byte);
      case "size_lf":
        this.#expect(byte, LF, "A chunk's size line does not end in CRLF");
        this.#digits = 0;
        this.#excess = Math.max(0, this.#excess - FREE_EXTENSION_BYTES - 2 * this.#size);
        this.#state = this.#size > 0 ? "data" : "trailers";
        return;
      case "data_cr":
        this.#expect(byte, CR, "A chunk is longer than its size");
        this.#state = "data_lf";
        return;
      default:
        this.#expect(byte, LF, "A chunk does not end in CRLF");
        this.#state = "size";
    }
  }

  #feedSize(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      if (++this.#digits > MAX_SIZE_DIGITS) this.#fail("A chunk's size has too many digits");
      this.#size = this.#size * 16 + digit;
    } else if (this.#digits === 0) {
      this.#fail("A chunk's size is not a hexadecimal number");
    } else if (!this.#feedBehindSize(byte)) {
      this.#fail("A chunk's size is not a hexadecimal number");
    }
  }

  /** @returns false where nothing of what may follow a size begins */
  #feedBehindSize(byte: number): boolean {
    if (byte === CR) {
      this.#state = "size_lf";
    } else if (byte === SEMICOLON) {
      this.#extension = new ChunkExtension();
      this.#state = "extension";
    } else if (this.#rules.blanksBehindSize && (byte === SP || byte === HTAB)) {
      this.#countExcess();
      this.#state = "blanks";
    } else return false;
    return true;
  }

  #feedBlank(byte: number): void {
    if (!this.#feedBehindSize(byte)) this.#fail("A chunk's size is two words");
  }

  #feedExtension(byte: number): void {
    const said = this.#extension?.feed(byte);
    if (said === "bad") this.#fail("A chunk extension is neither a token nor a quoted string");
    if (said === "end") this.#state = "size_lf";
    else this.#countExcess();
  }

  #countExcess(): void {
    if (++this.#excess > MAX_EXCESS_BYTES) {
      this.#fail(`The chunk extensions are longer than ${MAX_EXCESS_BYTES} bytes`);
    }
  }

  #feedTrailers(bytes: Uint8Array, at: number, emit: (part: BodyPart) => void): number {
    const { field, malformed, maxTrailerBytes, maxTrailers, named } = this.#rules;
    const tooLarge = this.#rules.trailersTooLarge ?? malformed;
    this.#trailers ??= new HeadScanner(maxTrailerBytes, {
      malformed,
      tooLarge,
      firstLineTooLarge: tooLarge,
    });
    const found = this.#trailers.scan(bytes, at);
    if (found === undefined) return bytes.length;
    this.done = true;
    const trailers = parseTrailers(found.head, maxTrailers, field);
    const kept = named === undefined ? trailers : trailers.filter(({ key }) => !named.has(key));
    emit({ kind: "end", trailers: kept });
    return found.end;
  }

  #expect(byte: number, expected: number, otherwise: string): void {
    if (byte !== expected) this.#fail(otherwise);
  }

  #fail(message: string): never {
    throw new ProxyError(this.#rules.malformed, message);
  }
}

/** Of a chunk's size: 16^12 - 1 is 256 TiB and still exact in a number. */
export const MAX_SIZE_DIGITS = 12;
/**
 * Bytes that extensions may be longer than what is free, in one body together: each chunk has some
 * for nothing, and two for each byte it carries, so that small ones add up to no error however long
 * the body is.
 */
const MAX_EXCESS_BYTES = 16 * 1024;
const FREE_EXTENSION_BYTES = 32;
const SEMICOLON = 0x3b;

/** Negative where it is none. */
function hexDigit(byte: number): number {
  if (byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
