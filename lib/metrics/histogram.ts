/** Counts values into buckets: what Prometheus calls a histogram. */
export class Histogram {
  /** Upper bounds, included, ascending; a last bucket without a bound follows. */
  readonly bounds: readonly number[];
  /** One a bucket, and not summed up. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.sum += value;
  }

  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }
}

/** Seconds that requests and handshakes take, from half a millisecond to a minute. */
export const LATENCY_BOUNDS: readonly number[] = [
  ...[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
  ...[1, 2.5, 5, 10, 30, 60],
];

/**
 * The value that a share of what was counted does not exceed, interpolated within its bucket, as
 * Prometheus' `histogram_quantile` does; undefined where nothing was counted.
 *
 * @param counts one a bucket, and not summed up
 * @param share 0 to 1
 */
export function quantile(
  bounds: readonly number[],
  counts: ArrayLike<number>,
  share: number,
): number | undefined {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i] as number;
  if (total === 0) return undefined;
  let before = 0;
  for (let i = 0; i < bounds.length; i++) {
    const count = counts[i] as number;
    if (before + count >= share * total && count > 0) {
      const low = i === 0 ? 0 : bounds[i - 1] as number;
      return low + (bounds[i] as number - low) * ((share * total - before) / count);
    }
    before += count;
  }
  return bounds.at(-1);
}
