import { POOLED_BYTES } from "./buffer_pool.ts";
import { HEAD_ROOM, RoomyBuffer, TAIL_ROOM } from "./roomy_buffer.ts";

/** Bytes of the buffers that are kept at the most. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;
const SIZE = HEAD_ROOM + POOLED_BYTES + TAIL_ROOM;

const kept: RoomyBuffer[] = [];

/** A large buffer, with anything in it. */
export function takeRoomy(): RoomyBuffer {
  return kept.pop() ?? new RoomyBuffer(SIZE);
}

/** Gives one back, if it is such a one. The caller must be the last who knows it. */
export function giveRoomy(buffer: RoomyBuffer): void {
  const isOurs = buffer.bytes.length === SIZE;
  if (isOurs && kept.length * SIZE < MAX_KEPT_BYTES) kept.push(buffer);
}
