/** What a proxy takes up at one moment. */
export interface Figures {
  /** Bytes of the process. */
  readonly resident: number;
  /** Bytes of all that JavaScript holds on to, and of what is not collected yet. */
  readonly heap: number;
  readonly descriptors: number;
}

/** What may come and go: the share of what there was, and as much again in any case. */
const ROOM = {
  resident: { share: 0.1, more: 32 * 2 ** 20 },
  heap: { share: 0.25, more: 16 * 2 ** 20 },
  descriptors: { share: 0.1, more: 12 },
} as const satisfies Readonly<Record<keyof Figures, { share: number; more: number }>>;

/**
 * What has grown, in order of time: the median of the last third is held against that of the middle
 * one, as a process grows into its work in the first.
 *
 * @returns a sentence for each kind that has
 */
export function growthIn(figures: readonly Figures[]): string[] {
  const third = Math.floor(figures.length / 3);
  if (third === 0) return [];
  return (["resident", "heap", "descriptors"] as const).flatMap((kind) => {
    const values = figures.map((each) => each[kind]);
    const before = median(values.slice(third, 2 * third));
    const after = median(values.slice(-third));
    const { share, more } = ROOM[kind];
    return after > before * (1 + share) + more ? [`${kind} grew from ${before} to ${after}`] : [];
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
