/** The sizes that servers have answers of, in bytes. */
export const SIZES = {
  tiny: 2,
  small: 1024,
  chunked: 4096,
  medium: 64 * 1024,
  large: 100_000_000,
} as const;

/** The sizes of about 1 KiB that they have answers of, too, each of its own. */
export const ABOUT_1_KIB: readonly number[] = Array.from({ length: 64 }, (_, i) => 992 + i);

/** The sizes of `/items/0` and so on; 1 KiB on the average. */
export const ITEMS: readonly number[] = Array.from({ length: 2_000 }, (_, i) => 24 + i);
