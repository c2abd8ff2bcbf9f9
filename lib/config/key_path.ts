/** Keys and indexes from the root of a file to a value. */
export type KeyPath = readonly (string | number)[];

/** Whether a path is another or leads further. */
export function isWithin(path: KeyPath, other: KeyPath): boolean {
  return other.every((key, depth) => path[depth] === key);
}
