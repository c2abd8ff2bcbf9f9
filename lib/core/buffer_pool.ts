/** Bytes of a pooled buffer: a full TLS record is 16 KiB, a socket's answer often more. */
export const POOLED_BYTES = 64 * 1024;

/** What stands where there is no buffer: to make an empty one costs 200 bytes. */
export const NO_BYTES: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/** Buffers kept for later at the most: 8 MiB. */
const MAX_KEPT = 128;

const kept: Uint8Array<ArrayBuffer>[] = [];

/** A buffer of `POOLED_BYTES`, with anything in it. */
export function takeBuffer(): Uint8Array<ArrayBuffer> {
  return kept.pop() ?? new Uint8Array(POOLED_BYTES);
}

/** Gives a buffer back. The caller must be the last who knows it. */
export function giveBuffer(buffer: Uint8Array<ArrayBuffer>): void {
  if (buffer.length === POOLED_BYTES && kept.length < MAX_KEPT) kept.push(buffer);
}
