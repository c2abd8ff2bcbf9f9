/**
 * Puts an entry at the end of a map, also one that stands in it already. Beyond so many entries the
 * first goes, which was put there longest ago.
 *
 * @returns the key that has gone; undefined where none has
 */
export function putLast<Key, Value>(
  map: Map<Key, Value>,
  [key, value]: readonly [Key, Value],
  most: number,
): Key | undefined {
  map.delete(key);
  map.set(key, value);
  if (map.size <= most) return undefined;
  const { value: first } = map.keys().next();
  if (first !== undefined) map.delete(first);
  return first;
}
