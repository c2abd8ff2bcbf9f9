import { Buffer } from "node:buffer";

const encoder = new TextEncoder();

/** Characters that are written one by one faster than the runtime does it. */
const SHORT = 48;

/**
 * Writes text of one character a byte (ISO 8859-1) into a buffer that has room for it. An array of
 * the encoder's own would take twice as long.
 */
export function writeLatin1(text: string, into: Uint8Array<ArrayBuffer>, at: number): void {
  if (text.length > SHORT) {
    const { read, written } = encoder.encodeInto(text, at === 0 ? into : into.subarray(at));
    if (read === text.length && written === read) return;
    // not ASCII: what is above U+007F has taken two bytes
  }
  for (let i = 0; i < text.length; i++) into[at + i] = text.charCodeAt(i);
}

/**
 * Bytes as text of one character a byte, so that none is lost. `TextDecoder` takes longer, and what
 * it calls `latin1` is another encoding.
 */
export function decodeLatin1(bytes: Uint8Array, from = 0, to = bytes.length): string {
  return Buffer.prototype.toString.call(bytes, "latin1", from, to);
}

/** The inverse of `decodeLatin1`; every character must be below U+0100. */
export function encodeLatin1(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  writeLatin1(text, bytes, 0);
  return bytes;
}
