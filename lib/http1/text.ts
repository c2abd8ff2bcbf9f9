import { Buffer } from "node:buffer";

/** Heads as text and back, one character a byte (ISO 8859-1), so that no byte is lost. */

const encoder = new TextEncoder();

/** The bytes as text. `TextDecoder` takes twice as long, and its `latin1` is another encoding. */
export function decodeLatin1(bytes: Uint8Array): string {
  return Buffer.prototype.toString.call(bytes, "latin1");
}

/** The text as bytes; every character must be below U+0100. */
export function encodeLatin1(text: string): Uint8Array<ArrayBuffer> {
  const bytes = encoder.encode(text);
  if (bytes.length === text.length) return bytes;
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
