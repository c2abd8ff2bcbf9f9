/**
 * The most milliseconds of a timer of the runtime, 24 days and 20 hours: what is longer it takes for
 * no time at all.
 */
export const LONGEST_WAIT_MS = 2 ** 31 - 1;
