const PERIODS_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Rates as people write them: `100/s`, `5/m`, `1000/h` as milliseconds between two;
 * undefined for anything else. */
export function parseRate(text: string): number | undefined {
  const match = /^(\d{1,7})\/([smhd])$/.exec(text);
  const count = Number(match?.[1]);
  const period = PERIODS_MS[match?.[2] ?? ""];
  return match === null || period === undefined || count === 0 ? undefined : period / count;
}
