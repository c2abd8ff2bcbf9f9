import { HTAB, SP } from "./grammar.ts";

/**
 * A text without the white space of HTTP around it (OWS, RFC 9110, section 5.6.3), and no other.
 *
 * It goes from both ends: a pattern for the blanks at the end tries each blank that stands amid the
 * text, and from each goes over all that follow, so that a line of blanks would take a tenth of a
 * second.
 */
export function withoutBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (from < to && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === SP || code === HTAB;
}
