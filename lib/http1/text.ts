/** Heads as text and back, one character a byte (ISO 8859-1), so that no byte is lost. */

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** A call with more arguments than the stack holds (some 100,000) throws. */
const MAX_ARGUMENTS = 8192;

/** The bytes as text; ASCII, which nearly every head is, takes the short way. */
export function decodeLatin1(bytes: Uint8Array): string {
  if (isAscii(bytes)) return decoder.decode(bytes);
  let text = "";
  for (let at = 0; at < bytes.length; at += MAX_ARGUMENTS) {
    text += String.fromCharCode(...bytes.subarray(at, at + MAX_ARGUMENTS));
  }
  return text;
}

/** The text as bytes; every character must be below U+0100. */
export function encodeLatin1(text: string): Uint8Array<ArrayBuffer> {
  const bytes = encoder.encode(text);
  if (bytes.length === text.length) return bytes;
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function isAscii(bytes: Uint8Array): boolean {
  let seen = 0;
  for (let i = 0; i < bytes.length; i++) seen |= bytes[i] as number;
  return seen < 0x80;
}
