const encoder = new TextEncoder();

/** Text of one character a byte (ISO 8859-1) as bytes; every character must be below U+0100. */
export function encodeLatin1(text: string): Uint8Array<ArrayBuffer> {
  const bytes = encoder.encode(text);
  if (bytes.length === text.length) return bytes;
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
