import { Buffer } from "node:buffer";
import { HOST } from "../contender.ts";

/**
 * One tiny request of HTTP/2, by hand: ten thousand connections of a library would be too much for the
 * client. It is made of RFC 9113's frames and, as a stream's first answer needs no more, of those few
 * forms of RFC 7541 that stand alone.
 */

const [DATA, HEADERS, SETTINGS] = [0, 1, 4];
const [END_STREAM, ACK, END_HEADERS] = [0x1, 0x1, 0x4];
const HEADER_BYTES = 9;
const STREAM = 1;

/** What a client begins with: its preface, its settings, and `GET` of a path. */
export function request(path: string): Uint8Array {
  return Buffer.concat([
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    frame(SETTINGS, 0, 0),
    frame(HEADERS, END_STREAM | END_HEADERS, STREAM, [
      METHOD_GET,
      SCHEME_HTTPS,
      ...[AUTHORITY, ...text(HOST)],
      ...[PATH, ...text(path)],
    ]),
  ]);
}

/** What a client says to the server's settings. */
export const SETTINGS_ACK: Uint8Array = frame(SETTINGS, ACK, 0);

/** Of RFC 7541's static table: two whole fields, two names with a value behind them, a status. */
const [METHOD_GET, SCHEME_HTTPS, AUTHORITY, PATH, STATUS_200] = [0x82, 0x87, 0x01, 0x04, 0x88];

/** Short, and not compressed. */
function text(value: string): readonly number[] {
  return [value.length, ...Buffer.from(value)];
}

export interface ProbeAnswer {
  /** Whether the server has sent its settings. */
  readonly hasSettings: boolean;
  /** Whether the answer is there, whole. */
  readonly isWhole: boolean;
  /** Whether its status is 200. */
  readonly isOk: boolean;
  /** Of its body. */
  readonly bytes: number;
}

/** @param input all that the server has sent so far */
export function readAnswer(input: Uint8Array): ProbeAnswer {
  let [hasSettings, isWhole, isOk, bytes] = [false, false, false, 0];
  const view = new DataView(input.buffer, input.byteOffset, input.length);
  for (let at = 0; at + HEADER_BYTES <= input.length;) {
    const length = view.getUint32(at) >>> 8;
    const [type, flags] = [view.getUint8(at + 3), view.getUint8(at + 4)];
    const payload = input.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length);
    if (payload.length < length) break;
    at += HEADER_BYTES + length;
    if (type === SETTINGS) hasSettings ||= (flags & ACK) === 0;
    if (type === HEADERS) isOk ||= firstField(payload) === STATUS_200;
    if (type === DATA) bytes += length;
    if (type === HEADERS || type === DATA) isWhole ||= (flags & END_STREAM) !== 0;
  }
  return { hasSettings, isWhole, isOk, bytes };
}

/** The first byte of a block behind changes of its table's size (RFC 7541, section 6.3). */
function firstField(block: Uint8Array): number | undefined {
  let at = 0;
  for (; ((block[at] ?? 0) & 0xe0) === 0x20; at++) {
    // a number that does not fit goes on for as long as bytes have their first bit set (section 5.1)
    if (block[at] === 0x3f) { while (((block[++at] ?? 0) & 0x80) !== 0); }
  }
  return block[at];
}

function frame(
  type: number,
  flags: number,
  stream: number,
  payload: readonly number[] = [],
): Uint8Array {
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, Buffer.from(payload)]);
}
