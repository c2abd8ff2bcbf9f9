/**
 * How many hops a request may still go, where it says so: `Max-Forwards` of OPTIONS and TRACE (RFC
 * 9110, section 7.6.2). With 0 left it is answered here. In other methods, or malformed, the field
 * means nothing.
 *
 * @param values of every line of the field
 */
export function hopsLeft(method: string, values: readonly string[]): number | undefined {
  if (method !== "OPTIONS" && method !== "TRACE") return undefined;
  const counts = values.filter((value) => COUNT.test(value)).map(Number);
  return counts.length === 0 ? undefined : Math.min(MOST, ...counts);
}

/** What the next hop is told: one hop fewer. @param left more than 0 */
export function nextMaxForwards(left: number): string {
  return String(left - 1);
}

const COUNT = /^\d+$/;
/** More hops than any chain has: what is counted on beyond that is this. */
const MOST = 1_000_000;
