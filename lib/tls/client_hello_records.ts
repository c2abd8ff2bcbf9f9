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
 * The body of the ClientHello, put together from its records (RFC 8446, section 5.1); undefined
 * while some of it is missing. What the records announce is judged before it arrives.
 *
 * @throws {Refusal}
 */
export function gatherClientHello(bytes: Uint8Array): Uint8Array | undefined {
  const fragments: Uint8Array[] = [];
  let gathered = 0;
  let expected: number | undefined;
  for (let offset = 0;;) {
    const length = readRecordHeader(bytes, offset);
    if (length === undefined) return undefined;
    offset += RECORD_HEADER_BYTES;

    const fragment = bytes.subarray(offset, offset + length);
    fragments.push(fragment);
    gathered += fragment.length;
    offset += length;

    expected ??= readMessageHeader(fragments, gathered);
    const announced = gathered - fragment.length + length;
    if (expected !== undefined && announced > expected) {
      // RFC 8446, section 5.1: a message before a change of keys ends with its record.
      throw new Refusal("unexpected_message", "data after the ClientHello in its record");
    }
    if (fragment.length < length) return undefined;
    if (gathered === expected) {
      return concatenate(fragments, gathered).subarray(MESSAGE_HEADER_BYTES);
    }
  }
}

/** Length of the record's fragment; undefined while the header is incomplete. */
function readRecordHeader(bytes: Uint8Array, offset: number): number | undefined {
  if (offset + RECORD_HEADER_BYTES > MAX_CLIENT_HELLO_BYTES) throw tooLong();
  const [type, major, , high, low] = bytes.subarray(offset, offset + RECORD_HEADER_BYTES);
  if (type !== undefined && type !== HANDSHAKE_RECORD) {
    throw new Refusal("unexpected_message", "another record amid the ClientHello");
  }
  // RFC 8446, section 5.1, has the record's version ignored; a major version other than 3 never was
  // TLS, though, and no implementation goes on with it.
  if (major !== undefined && major !== 3) {
    throw new Refusal("protocol_version", "a record of an unknown protocol version");
  }
  if (high === undefined || low === undefined) return undefined;
  const length = high * 256 + low;
  if (length === 0) throw new Refusal("unexpected_message", "an empty handshake record");
  if (length > MAX_FRAGMENT_BYTES) throw new Refusal("record_overflow", "a record over 16 KiB");
  if (offset + RECORD_HEADER_BYTES + length > MAX_CLIENT_HELLO_BYTES) throw tooLong();
  return length;
}

/** Length of the message with its header; undefined while the header is incomplete. */
function readMessageHeader(fragments: Uint8Array[], gathered: number): number | undefined {
  const type = fragments[0]?.[0];
  if (type !== undefined && type !== CLIENT_HELLO) {
    throw new Refusal("unexpected_message", "a handshake message other than a ClientHello");
  }
  if (gathered < MESSAGE_HEADER_BYTES) return undefined;
  const header = new Cursor(concatenate(fragments, gathered));
  header.uint8();
  const expected = MESSAGE_HEADER_BYTES + header.uint24();
  if (RECORD_HEADER_BYTES + expected > MAX_CLIENT_HELLO_BYTES) throw tooLong();
  return expected;
}

function tooLong(): Refusal {
  return new Refusal("illegal_parameter", "a ClientHello over 64 KiB");
}

function concatenate(fragments: Uint8Array[], length: number): Uint8Array {
  const [only] = fragments;
  if (only !== undefined && fragments.length === 1) return only;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const fragment of fragments) {
    whole.set(fragment, offset);
    offset += fragment.length;
  }
  return whole;
}
