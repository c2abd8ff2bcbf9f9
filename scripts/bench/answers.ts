/** What servers have answers of: paths, and bytes of bodies. */

export const SIZES = {
  tiny: 2,
  small: 1024,
  chunked: 4096,
  medium: 64 * 1024,
  large: 100_000_000,
} as const;

export interface Answer {
  /** Without its slash. */
  readonly path: string;
  readonly bytes: number;
}

/** The answer of one of `SIZES`. */
export function answerOf(bytes: number): Answer {
  return { path: String(bytes), bytes };
}

/** About 1 KiB each, and no two alike. */
export const ASSETS: readonly Answer[] = Array.from(
  { length: 64 },
  (_, index) => ({ path: `b/asset-${index}.js`, bytes: 992 + index }),
);

/** 1 KiB on the average, and no two alike. */
export const ITEMS: readonly Answer[] = Array.from(
  { length: 2_000 },
  (_, index) => ({ path: `items/${index}`, bytes: 24 + index }),
);

/** In chunks. */
export const CHUNKED: Answer = { path: `chunked/${SIZES.chunked}`, bytes: SIZES.chunked };

/** To what is sent there, at once. */
export const UPLOADED: Answer = { path: "upload", bytes: SIZES.tiny };

/** To what is sent there, once it has come whole. */
export const TAKEN: Answer = { path: "take", bytes: SIZES.tiny };
