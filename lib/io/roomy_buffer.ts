/** Bytes free before what is read: new lines of a head are put there, and the frames of chunks. */
export const HEAD_ROOM = 512;

/** Bytes free behind what is read: the end of a chunk is put there. */
export const TAIL_ROOM = 8;

/**
 * A buffer to read into, whose bytes can be looked at four at a time. Whoever reads into it leaves
 * `HEAD_ROOM` and `TAIL_ROOM` free, so that a message can be changed where it lies.
 */
export class RoomyBuffer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same bytes: making a view costs more than reading a head. */
  readonly view: DataView<ArrayBuffer>;

  /** @param size bytes in all, the room at both ends included */
  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }
}

/** Where the next bytes go in a buffer that is filled so far. */
export function spaceOf({ bytes }: RoomyBuffer, filled: number): Uint8Array {
  return bytes.subarray(filled, bytes.length - TAIL_ROOM);
}
