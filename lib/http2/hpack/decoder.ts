import { Http2Error } from "../http2_error.ts";
import { ERROR } from "../wire.ts";
import { DynamicTable } from "./dynamic_table.ts";
import { HeaderField, headerName } from "./header_field.ts";
import { huffmanDecode } from "./huffman.ts";
import { STATIC_TABLE } from "./static_table.ts";
import { textOf } from "./text.ts";

/** What is kept of a block; what is beyond is decoded and dropped, as the table must not drift. */
export interface ListLimits {
  /** Bytes of the whole list, as RFC 9113, section 6.5.2, counts them. */
  readonly bytes: number;
  readonly fields: number;
}

/** The most a peer may have the table hold (SETTINGS_HEADER_TABLE_SIZE; we leave the default). */
export const TABLE_BYTES = 4096;

/** Reads the header blocks of one connection, in their order (RFC 7541). */
export class HeaderDecoder {
  readonly #table = new DynamicTable(TABLE_BYTES);
  #at = 0;
  /** The limit that the last block was over first. */
  overflow: keyof ListLimits | undefined;
  /** Where a literal `:path` that enters no table stood in the last block; both 0 where none did. */
  pathFrom = 0;
  pathTo = 0;

  /** What a block means depends on its bytes and on this. */
  get generation(): number {
    return this.#table.generation;
  }

  /** @throws {Http2Error} COMPRESSION_ERROR */
  decode(bytes: Uint8Array, from: number, to: number, limits: ListLimits): HeaderField[] {
    const fields: HeaderField[] = [];
    let size = 0;
    let mayResize = true;
    this.overflow = undefined;
    this.pathFrom = this.pathTo = 0;
    this.#at = from;
    while (this.#at < to) {
      const start = this.#at;
      const first = bytes[start] as number;
      if ((first & 0xe0) === 0x20) {
        if (!mayResize) throw malformed("A size update stands behind fields");
        this.#resize(bytes, to);
        continue;
      }
      mayResize = false;
      const field = this.#field(bytes, to, first);
      if (first === 0x04 || first === 0x14) {
        this.pathFrom = start;
        this.pathTo = this.#at;
      }
      size += field.size;
      if (size > limits.bytes) this.overflow ??= "bytes";
      else if (fields.length >= limits.fields) this.overflow ??= "fields";
      else fields.push(field);
    }
    return fields;
  }

  /** The value behind the first byte of a literal; where it ends is then `pathTo`. */
  readPath(bytes: Uint8Array, from: number, to: number): string {
    this.#at = from + 1;
    const path = this.#string(bytes, to);
    this.pathTo = this.#at;
    return path;
  }

  /** Section 6; the three literals differ in whether they enter the table. */
  #field(bytes: Uint8Array, to: number, first: number): HeaderField {
    if ((first & 0x80) !== 0) return this.#indexed(this.#integer(bytes, to, 7));
    if ((first & 0x40) === 0) return this.#literal(bytes, to, 4, (first & 0x10) !== 0);
    const field = this.#literal(bytes, to, 6, false);
    this.#table.insert(field);
    return field;
  }

  #literal(bytes: Uint8Array, to: number, prefixBits: number, isSecret: boolean): HeaderField {
    const index = this.#integer(bytes, to, prefixBits);
    const name = index === 0 ? headerName(this.#string(bytes, to)) : this.#indexed(index).called;
    return new HeaderField(name, this.#string(bytes, to), isSecret);
  }

  #indexed(index: number): HeaderField {
    const field = index <= STATIC_TABLE.length
      ? STATIC_FIELDS[index - 1]
      : this.#table.get(index - STATIC_TABLE.length - 1);
    if (field === undefined) throw malformed(`There is no field ${index}`);
    return field;
  }

  /** Section 6.3; at most two, of which the first is the smallest there was (section 4.2). */
  #resize(bytes: Uint8Array, to: number): void {
    const size = this.#integer(bytes, to, 5);
    if (size > TABLE_BYTES) throw malformed(`A table of ${size} bytes is not allowed`);
    this.#table.resize(size);
  }

  /** Section 5.1; 28 bits are more than anything here may be. */
  #integer(bytes: Uint8Array, to: number, prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = (bytes[this.#at++] as number) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#at >= to) break;
      const byte = bytes[this.#at++] as number;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw malformed("An integer is cut off or too large");
  }

  /** Section 5.2. */
  #string(bytes: Uint8Array, to: number): string {
    if (this.#at >= to) throw malformed("A string is cut off");
    const isHuffman = ((bytes[this.#at] as number) & 0x80) !== 0;
    const length = this.#integer(bytes, to, 7);
    const from = this.#at;
    if (length > to - from) throw malformed("A string is cut off");
    this.#at = from + length;
    if (!isHuffman) return textOf(bytes, from, this.#at);
    const text = huffmanDecode(bytes, from, this.#at);
    if (text === undefined) throw malformed("A Huffman code is malformed");
    return text;
  }
}

const STATIC_FIELDS: readonly HeaderField[] = STATIC_TABLE.map(([name, value]) =>
  new HeaderField(headerName(name), value)
);

function malformed(message: string): Http2Error {
  return new Http2Error(ERROR.compressionError, message);
}
