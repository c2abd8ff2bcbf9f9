let second = NaN;
let prefix = "";

/**
 * The time as ISO 8601 in UTC with milliseconds. What is the same for a whole second is made once:
 * `toISOString()` costs as much as all the rest of a line.
 *
 * @param now milliseconds since 1970
 */
export function isoTime(now: number): string {
  const of = Math.floor(now / 1000);
  if (of !== second) {
    second = of;
    prefix = new Date(of * 1000).toISOString().slice(0, -4);
  }
  const ms = now - of * 1000;
  return ms < 10 ? `${prefix}00${ms}Z` : ms < 100 ? `${prefix}0${ms}Z` : `${prefix}${ms}Z`;
}
