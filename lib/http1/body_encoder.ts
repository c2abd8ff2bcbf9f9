import type { BodyPart } from "./body_decoder.ts";
import type { Framing } from "./framing.ts";
import { fieldLines } from "./head.ts";
import { endToEndTrailers } from "./hop_headers.ts";
import { encodeLatin1 } from "./text.ts";

/**
 * Writes a body part in a framing: the inverse of the decoders. `put` gets each run of bytes in
 * order; data is handed on as it is, not copied.
 */
export function encodeBodyPart(
  part: BodyPart,
  framing: Framing,
  put: (bytes: Uint8Array) => void,
): void {
  if (part.kind === "data") {
    if (framing.kind === "chunked") {
      put(encodeLatin1(part.bytes.length.toString(16) + "\r\n"));
      put(part.bytes);
      put(CRLF);
    } else {
      put(part.bytes);
    }
  } else if (framing.kind === "chunked") {
    put(part.trailers.length === 0 ? LAST_CHUNK : lastChunkWith(part));
  }
}

const CRLF = encodeLatin1("\r\n");
const LAST_CHUNK = encodeLatin1("0\r\n\r\n");

function lastChunkWith({ trailers }: Extract<BodyPart, { kind: "end" }>): Uint8Array {
  return encodeLatin1(`0\r\n${fieldLines(endToEndTrailers(trailers))}\r\n`);
}
