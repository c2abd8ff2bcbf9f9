/** Ranges that are looked at, several times what any client has: a list of thousands is much work. */
const MAX_RANGES = 100;

/**
 * Whether an `Accept` prefers JSON to another type (RFC 9110, section 12.5.1): both are given the
 * weight of the most specific range that covers them, and the other wins a tie.
 */
export function prefersJson(accept: string, other: "text/plain" | "text/html"): boolean {
  const ranges = accept.split(",", MAX_RANGES).map(parseRange);
  return weightOf("application/json", ranges) > weightOf(other, ranges);
}

interface MediaRange {
  readonly type: string;
  readonly weight: number;
}

function parseRange(text: string): MediaRange {
  const [type = "", ...parameters] = text.toLowerCase().split(";").map((part) => part.trim());
  const weight = parameters.find((parameter) => parameter.startsWith("q="));
  const value = weight === undefined ? 1 : Number(weight.slice(2));
  return { type, weight: value >= 0 && value <= 1 ? value : 0 };
}

function weightOf(type: string, ranges: readonly MediaRange[]): number {
  const general = `${type.slice(0, type.indexOf("/"))}/*`;
  for (const wanted of [type, general, "*/*"]) {
    const range = ranges.find((range) => range.type === wanted);
    if (range !== undefined) return range.weight;
  }
  return 0;
}
