import { type Field, fieldLines } from "../http/field.ts";
import { endToEndTrailers } from "../http/hop_fields.ts";

/** The last chunk of a body without trailers (RFC 9112, section 7.1). */
export const LAST_CHUNK = "0\r\n\r\n";

/** The last chunk, with those of the trailers that may go on. */
export function lastChunkText(trailers: readonly Field[]): string {
  return `0\r\n${fieldLines(endToEndTrailers(trailers))}\r\n`;
}
