/** Bytes that are collected piece by piece, however small the pieces are. */
export class GrowingBytes {
  #buffer: Uint8Array<ArrayBuffer>;
  #length = 0;

  /** @param room bytes to begin with */
  constructor(room: number) {
    this.#buffer = new Uint8Array(room);
  }

  /** @returns all bytes so far; valid until more are added */
  add(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const length = this.#length + bytes.length;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = length;
    return this.#buffer.subarray(0, length);
  }
}
