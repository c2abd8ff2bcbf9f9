/** Type, version and length (RFC 8446, section 5.1). */
const HEADER_BYTES = 5;

/**
 * Follows the records of TLS in what a peer sends, to tell how much of the last one has yet to come.
 * It judges nothing: what is no record has a length as well.
 */
export class RecordWalk {
  /** Bytes to the end of the record that has come in part; 0 where none has, or too little of it. */
  missing = 0;
  /** Whether it is known where records begin. */
  #isKnown = true;

  /**
   * The peer has sent so many bytes.
   *
   * @param atBoundary whether these begin with a record, whatever was before
   */
  pass(bytes: Uint8Array, count: number, atBoundary: boolean): void {
    if (atBoundary) {
      this.missing = 0;
      this.#isKnown = true;
    }
    if (!this.#isKnown) return;
    let at = this.missing;
    while (at + HEADER_BYTES <= count) {
      at += HEADER_BYTES + (((bytes[at + 3] as number) << 8) | (bytes[at + 4] as number));
    }
    this.missing = Math.max(0, at - count);
    // a header in part does not tell: until the next boundary
    this.#isKnown = at >= count;
  }
}
