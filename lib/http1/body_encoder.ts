import type { BodyPart } from "./body_decoder.ts";
import type { Framing } from "./framing.ts";
import { type Field, fieldLines } from "../http/field.ts";
import { endToEndTrailers } from "../http/hop_fields.ts";

/**
 * Writes a body part in a framing: the inverse of the decoders. `put` gets each run of bytes in
 * order, as text where it is of our making; data is handed on as it is, not copied, with the room
 * before it.
 */
export function encodeBodyPart(
  part: BodyPart,
  framing: Framing,
  put: (bytes: Uint8Array | string, room?: number) => void,
): void {
  if (part.kind === "data") {
    if (framing.kind === "chunked") {
      put(part.bytes.length.toString(16) + "\r\n");
      put(part.bytes);
      put(CRLF);
    } else {
      put(part.bytes, part.room);
    }
  } else if (framing.kind === "chunked") {
    put(part.trailers.length === 0 ? LAST_CHUNK : lastChunkText(part.trailers));
  }
}

const CRLF = "\r\n";
/** The last chunk, without trailers. */
export const LAST_CHUNK = "0\r\n\r\n";

/** The last chunk, with those of the trailers that may go on. */
export function lastChunkText(trailers: readonly Field[]): string {
  return `0\r\n${fieldLines(endToEndTrailers(trailers))}\r\n`;
}
