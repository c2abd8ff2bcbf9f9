/** The numbers of HTTP/2, each beside the section of RFC 9113 that defines it. */

/** What a client begins with (section 3.4). */
export const PREFACE: Uint8Array = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Bytes before a frame's payload (section 4.1). */
export const FRAME_HEADER_BYTES = 9;

/** Types of frames (section 6; PRIORITY_UPDATE: RFC 9218, section 7.1). */
export const FRAME = {
  data: 0x0,
  headers: 0x1,
  priority: 0x2,
  rstStream: 0x3,
  settings: 0x4,
  pushPromise: 0x5,
  ping: 0x6,
  goaway: 0x7,
  windowUpdate: 0x8,
  continuation: 0x9,
  priorityUpdate: 0x10,
} as const;

/** Flags of frames (section 6). */
export const FLAG = {
  /** DATA, HEADERS. */
  endStream: 0x1,
  /** SETTINGS, PING. */
  ack: 0x1,
  /** HEADERS, CONTINUATION. */
  endHeaders: 0x4,
  /** DATA, HEADERS. */
  padded: 0x8,
  /** HEADERS. */
  priority: 0x20,
} as const;

/** Why a stream or a connection ends (section 7). */
export const ERROR = {
  noError: 0x0,
  protocolError: 0x1,
  internalError: 0x2,
  flowControlError: 0x3,
  settingsTimeout: 0x4,
  streamClosed: 0x5,
  frameSizeError: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compressionError: 0x9,
  connectError: 0xa,
  enhanceYourCalm: 0xb,
  inadequateSecurity: 0xc,
  http11Required: 0xd,
} as const;

/** The name of an error as the RFC writes it; the number where it is none of the RFC's. */
export function errorName(code: number): string {
  return ERROR_NAMES[code] ?? `error ${code}`;
}

/** What has happened, with the error that the peer has told it with, if any. */
export function withError(text: string, code: number): string {
  return code === ERROR.noError ? text : `${text} (${errorName(code)})`;
}

const ERROR_NAMES: readonly string[] = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];

/** Settings (section 6.5.2; RFC 8441, section 3; RFC 9218, section 2.1). */
export const SETTING = {
  headerTableSize: 0x1,
  enablePush: 0x2,
  maxConcurrentStreams: 0x3,
  initialWindowSize: 0x4,
  maxFrameSize: 0x5,
  maxHeaderListSize: 0x6,
  enableConnectProtocol: 0x8,
  noRfc7540Priorities: 0x9,
} as const;

/** Windows before anybody says otherwise (section 6.9.2), in bytes. */
export const DEFAULT_WINDOW = 65_535;
/** What no window may exceed (section 6.9.1). */
export const MAX_WINDOW = 0x7fff_ffff;
/** The largest payload before anybody says otherwise, and the least anybody may say (section 6.5.2). */
export const DEFAULT_FRAME_BYTES = 16_384;
/** The most that anybody may say (section 6.5.2). */
export const MAX_FRAME_BYTES = 0xff_ffff;
/** The largest stream identifier (section 5.1.1). */
export const MAX_STREAM_ID = 0x7fff_ffff;

/** An unsigned number of 32 bits in network order. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0;
}

/** The same without its highest bit, which is reserved in stream identifiers and increments. */
export function readUint31(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) & 0x7fff_ffff;
}

/** @returns where the next byte goes */
export function writeUint32(into: Uint8Array, at: number, value: number): number {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
  return at + 4;
}
