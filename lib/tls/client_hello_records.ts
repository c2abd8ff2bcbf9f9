import { joinBytes } from "../core/bytes.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";
import { GrowingBytes } from "../io/growing_bytes.ts";
import { Cursor, Refusal } from "./wire.ts";

/** Longest hello read, in bytes and with its record headers; a longer one is invalid. */
export const MAX_CLIENT_HELLO_BYTES = 64 * 1024;

/** ContentType of a handshake record (RFC 8446, section 5.1). */
export const HANDSHAKE_RECORD = 22;

/** HandshakeType of the first message (RFC 8446, section 4). */
export const CLIENT_HELLO = 1;

const RECORD_HEADER_BYTES = 5;
const MESSAGE_HEADER_BYTES = 4;
const MAX_FRAGMENT_BYTES = 2 ** 14;

/**
 * Puts the body of a ClientHello together from its records (RFC 8446, section 5.1). What the records
 * announce is judged before it arrives, and each record is looked at once, however few bytes come at
 * a time: a client chooses both.
 */
export class HelloGatherer {
  /** What the records said that are whole; one object, as a client may send thousands of a byte each. */
  readonly #message = new GrowingBytes(0);
  #gathered: Uint8Array = NO_BYTES;
  /** Of the message with its header, once that is known. */
  #expected: number | undefined;
  /** Where the next record begins. */
  #offset = 0;

  /**
   * @param bytes all that was received so far, again after each read
   * @returns undefined while some of it is missing
   * @throws {Refusal}
   */
  gather(bytes: Uint8Array): Uint8Array | undefined {
    for (;;) {
      const length = readRecordHeader(bytes, this.#offset);
      if (length === undefined) return undefined;
      const start = this.#offset + RECORD_HEADER_BYTES;
      const fragment = bytes.subarray(start, start + length);
      this.#expected ??= readMessageHeader(this.#gathered, fragment);
      if (this.#expected !== undefined && this.#gathered.length + length > this.#expected) {
        // RFC 8446, section 5.1: a message before a change of keys ends with its record.
        throw new Refusal("unexpected_message", "data after the ClientHello in its record");
      }
      if (fragment.length < length) return undefined;
      // a copy, as what was received may move to a larger buffer
      this.#gathered = this.#message.add(fragment);
      this.#offset = start + length;
      if (this.#gathered.length === this.#expected) {
        return this.#gathered.subarray(MESSAGE_HEADER_BYTES);
      }
    }
  }
}

/** Length of the record's fragment; undefined while the header is incomplete. */
function readRecordHeader(bytes: Uint8Array, offset: number): number | undefined {
  if (offset + RECORD_HEADER_BYTES > MAX_CLIENT_HELLO_BYTES) throw tooLong();
  const type = bytes[offset];
  if (type !== undefined && type !== HANDSHAKE_RECORD) {
    throw new Refusal("unexpected_message", "another record amid the ClientHello");
  }
  // RFC 8446, section 5.1, has the record's version ignored; a major version other than 3 never was
  // TLS, though, and no implementation goes on with it.
  const major = bytes[offset + 1];
  if (major !== undefined && major !== 3) {
    throw new Refusal("protocol_version", "a record of an unknown protocol version");
  }
  const [high, low] = [bytes[offset + 3], bytes[offset + 4]];
  if (high === undefined || low === undefined) return undefined;
  const length = high * 256 + low;
  if (length === 0) throw new Refusal("unexpected_message", "an empty handshake record");
  if (length > MAX_FRAGMENT_BYTES) throw new Refusal("record_overflow", "a record over 16 KiB");
  if (offset + RECORD_HEADER_BYTES + length > MAX_CLIENT_HELLO_BYTES) throw tooLong();
  return length;
}

/**
 * Length of the message with its header; undefined while the header is incomplete.
 *
 * @param next what has come of the record behind that
 */
function readMessageHeader(gathered: Uint8Array, next: Uint8Array): number | undefined {
  const header = joinBytes([
    gathered.subarray(0, MESSAGE_HEADER_BYTES),
    next.subarray(0, MESSAGE_HEADER_BYTES),
  ]);
  const [type] = header;
  if (type !== undefined && type !== CLIENT_HELLO) {
    throw new Refusal("unexpected_message", "a handshake message other than a ClientHello");
  }
  if (header.length < MESSAGE_HEADER_BYTES) return undefined;
  const cursor = new Cursor(header);
  cursor.uint8();
  const expected = MESSAGE_HEADER_BYTES + cursor.uint24();
  if (RECORD_HEADER_BYTES + expected > MAX_CLIENT_HELLO_BYTES) throw tooLong();
  return expected;
}

function tooLong(): Refusal {
  return new Refusal("illegal_parameter", "a ClientHello over 64 KiB");
}
