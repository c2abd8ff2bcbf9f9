import { withoutBlanks } from "./without_blanks.ts";

/** The codings that the proxy makes, those it would rather use first (see docs/routing.md). */
export const CONTENT_CODINGS = ["zstd", "gzip", "br"] as const;

/** A content coding by its registered name (RFC 9110, section 8.4.1; RFC 7932; RFC 8878). */
export type ContentCoding = (typeof CONTENT_CODINGS)[number];

/**
 * The coding that a client prefers (RFC 9110, section 12.5.3), of equal ones the first of
 * `CONTENT_CODINGS`. A name that stands twice has the lower of its weights.
 *
 * @param values of every `Accept-Encoding` line
 * @returns undefined for none: it accepts none of them, says nothing, prefers the body as it is, or
 *   what it says is malformed
 */
export function chooseCoding(values: readonly string[]): ContentCoding | undefined {
  if (values.length === 0) return undefined;
  const weights = parseWeights(values.join(","));
  if (weights === undefined) return undefined;
  let chosen: ContentCoding | undefined;
  let best = 0;
  for (const coding of CONTENT_CODINGS) {
    const weight = weights.get(coding) ?? weights.get("*") ?? 0;
    if (weight <= best) continue;
    chosen = coding;
    best = weight;
  }
  return (weights.get("identity") ?? 0) > best ? undefined : chosen;
}

/** `codings [ weight ]`; the weight has three digits at the most (RFC 9110, section 12.4.2). */
const MEMBER =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:[ \t]*;[ \t]*[qQ]=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?$/;

/** By name in lower case; undefined where it is malformed. */
function parseWeights(list: string): ReadonlyMap<string, number> | undefined {
  const weights = new Map<string, number>();
  for (const part of list.split(",")) {
    const member = withoutBlanks(part);
    // a list may have empty members (section 5.6.1.2)
    if (member === "") continue;
    const [, name = "", weight = "1"] = MEMBER.exec(member) ?? [];
    if (name === "") return undefined;
    const key = nameOf(name.toLowerCase());
    weights.set(key, Math.min(weights.get(key) ?? 1, Number(weight)));
  }
  return weights;
}

/** `x-gzip` is another name of gzip (section 8.4.1.3). */
function nameOf(name: string): string {
  return name === "x-gzip" ? "gzip" : name;
}
