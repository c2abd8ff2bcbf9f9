import { encodeLatin1 } from "../../lib/core/latin1.ts";
import { FLAG, FRAME, PREFACE, readUint31 } from "../../lib/http2/wire.ts";

/** A frame as it stands on the wire. */
export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Uint8Array;
}

/** A frame of any kind, right or wrong; `length` lies about its payload. */
export function frame(
  type: number,
  { flags = 0, id = 0, payload = [], length }: {
    flags?: number;
    id?: number;
    payload?: ArrayLike<number>;
    length?: number;
  } = {},
): Uint8Array {
  const bytes = new Uint8Array(9 + payload.length);
  const said = length ?? payload.length;
  bytes.set([said >>> 16, said >>> 8, said, type, flags, ...uint32(id)]);
  bytes.set(Array.from(payload), 9);
  return bytes;
}

export function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

export function settings(pairs: readonly (readonly [number, number])[] = []): Uint8Array {
  const payload = pairs.flatMap(([id, value]) => [id >>> 8, id & 0xff, ...uint32(value)]);
  return frame(FRAME.settings, { payload });
}

/** What a client begins with. */
export function opening(pairs: readonly (readonly [number, number])[] = []): Uint8Array {
  return joined([PREFACE, settings(pairs)]);
}

export type RawField = readonly [name: string, value: string];

/** A header block of literals that enter no table; names and values may hold any bytes. */
export function block(fields: readonly RawField[]): Uint8Array {
  return joined(fields.flatMap(([name, value]) => [[0], string(name), string(value)]));
}

function string(text: string): Uint8Array {
  const bytes = encodeLatin1(text);
  const length = bytes.length < 127 ? [bytes.length] : [
    127,
    ((bytes.length - 127) & 0x7f) | 0x80,
    (((bytes.length - 127) >> 7) & 0x7f) | 0x80,
    (bytes.length - 127) >> 14,
  ];
  return joined([length, bytes]);
}

/** HEADERS with all of a block. */
export function headers(
  id: number,
  fields: readonly RawField[],
  { ended = true, flags = 0 }: { ended?: boolean; flags?: number } = {},
): Uint8Array {
  const all = flags | FLAG.endHeaders | (ended ? FLAG.endStream : 0);
  return frame(FRAME.headers, { flags: all, id, payload: block(fields) });
}

export function data(id: number, text: string, ended = false): Uint8Array {
  return frame(FRAME.data, { flags: ended ? FLAG.endStream : 0, id, payload: encodeLatin1(text) });
}

export function resetFrame(id: number, code: number): Uint8Array {
  return frame(FRAME.rstStream, { id, payload: uint32(code) });
}

export function windowUpdate(id: number, increment: number): Uint8Array {
  return frame(FRAME.windowUpdate, { id, payload: uint32(increment) });
}

/** What every request needs; `changes` replace or add, in front or behind. */
export function requestFields(
  changes: Readonly<Record<string, string | undefined>> = {},
  rest: readonly RawField[] = [],
): RawField[] {
  const fields: Record<string, string | undefined> = {
    ":method": "GET",
    ":scheme": "https",
    ":authority": "example.com",
    ":path": "/",
    ...changes,
  };
  const kept = Object.entries(fields).filter((entry): entry is [string, string] =>
    entry[1] !== undefined
  );
  return [...kept, ...rest];
}

export function joined(parts: readonly ArrayLike<number>[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The frames that stand whole in these bytes, and what is left behind them. */
export function splitFrames(bytes: Uint8Array): { frames: RawFrame[]; rest: Uint8Array } {
  const frames: RawFrame[] = [];
  let at = 0;
  while (bytes.length - at >= 9) {
    const length = readUint31(bytes, at) >>> 8;
    if (bytes.length - at < 9 + length) break;
    const [type, flags] = [bytes[at + 3] as number, bytes[at + 4] as number];
    const payload = bytes.slice(at + 9, at + 9 + length);
    frames.push({ type, flags, id: readUint31(bytes, at + 5), payload });
    at += 9 + length;
  }
  return { frames, rest: bytes.slice(at) };
}

const TYPE_NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(FRAME).map(([name, type]) => [type, name]),
);

/** A line for each frame, for tables: `data 1 5 end`, `rstStream 1 1`, `goaway 0 11 1`. */
export function briefFrames(frames: readonly RawFrame[]): string[] {
  return frames.map(({ type, flags, id, payload }) => {
    const name = TYPE_NAMES[type] ?? `type ${type}`;
    switch (type) {
      case FRAME.data:
        return `${name} ${id} ${payload.length}${(flags & FLAG.endStream) !== 0 ? " end" : ""}`;
      case FRAME.headers:
        return `${name} ${id}${(flags & FLAG.endStream) !== 0 ? " end" : ""}`;
      case FRAME.rstStream:
        return `${name} ${id} ${readUint31(payload, 0)}`;
      case FRAME.goaway:
        return `${name} ${readUint31(payload, 0)} ${readUint31(payload, 4)}`;
      case FRAME.windowUpdate:
        return `${name} ${id} ${readUint31(payload, 0)}`;
      case FRAME.settings:
      case FRAME.ping:
        return `${name}${(flags & FLAG.ack) !== 0 ? " ack" : ""}`;
      default:
        return `${name} ${id}`;
    }
  });
}
