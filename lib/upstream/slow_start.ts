/** What a server gets at first of its share of the work. */
const FIRST_SHARE = 0.1;

/**
 * The part of its weight that a server which has just returned is to have: its caches are cold, and
 * all at once might take it down again. It grows in a straight line.
 *
 * @param elapsed milliseconds since it returned
 * @param duration milliseconds until it has its whole weight; 0 for at once
 */
export function slowStartShare(elapsed: number, duration: number): number {
  if (elapsed >= duration) return 1;
  return Math.max(FIRST_SHARE, elapsed / duration);
}
