/** Durations and sizes as people write them. */

type Units = ReadonlyMap<string, number>;

const MILLISECONDS: Units = new Map([["ms", 1], ["s", 1_000], ["m", 60_000], ["h", 3_600_000], [
  "d",
  86_400_000,
]]);
const BYTES: Units = new Map([["B", 1], ["KiB", 1024], ["MiB", 1024 ** 2], ["GiB", 1024 ** 3]]);

/** `300ms 5s 10m 1h 30d` as milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  return parseWithUnit(text, MILLISECONDS);
}

/** `512B 16KiB 1MiB 2GiB` as bytes; undefined for anything else. */
export function parseSize(text: string): number | undefined {
  return parseWithUnit(text, BYTES);
}

function parseWithUnit(text: string, units: Units): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)([A-Za-z]+)$/.exec(text);
  const unit = match?.[2] === undefined ? undefined : units.get(match[2]);
  return unit === undefined ? undefined : Math.round(Number(match?.[1]) * unit);
}
