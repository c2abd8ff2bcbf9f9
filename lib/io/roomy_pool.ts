import { POOLED_BYTES } from "./buffer_pool.ts";
import { HEAD_ROOM, RoomyBuffer, TAIL_ROOM } from "./roomy_buffer.ts";

const KiB = 1024;

/** Bytes between the rooms of the buffers that are kept: twice as many as the kind before. */
const KINDS = [2 * KiB, 4 * KiB, 8 * KiB, 16 * KiB, 32 * KiB, POOLED_BYTES];
/** Bytes of the large ones that are kept at the most, and of each other kind. */
const MAX_LARGE_BYTES = 8 * 1024 * KiB;
const MAX_BYTES = 1024 * KiB;

/** By their size. */
const kept = new Map<number, RoomyBuffer[]>(KINDS.map((bytes) => [sizeOf(bytes), []]));

/**
 * A buffer with anything in it.
 *
 * @param bytes that lie between its rooms: a power of two, 2 KiB to `POOLED_BYTES`, for one that is
 *   kept when it is given back
 */
export function takeRoomy(bytes: number = POOLED_BYTES): RoomyBuffer {
  const size = sizeOf(bytes);
  return kept.get(size)?.pop() ?? new RoomyBuffer(size);
}

/** Gives one back, if it is such a one. The caller must be the last who knows it. */
export function giveRoomy(buffer: RoomyBuffer): void {
  const size = buffer.bytes.length;
  const list = kept.get(size);
  const most = size > POOLED_BYTES ? MAX_LARGE_BYTES : MAX_BYTES;
  if (list !== undefined && list.length * size < most) list.push(buffer);
}

/** One for twice as much, with the same bytes in the same place: for what is longer than thought. */
export function growRoomy({ bytes }: RoomyBuffer, filled: number): RoomyBuffer {
  const larger = takeRoomy(2 * (bytes.length - HEAD_ROOM - TAIL_ROOM));
  larger.bytes.set(bytes.subarray(0, filled));
  return larger;
}

function sizeOf(bytes: number): number {
  return HEAD_ROOM + bytes + TAIL_ROOM;
}
