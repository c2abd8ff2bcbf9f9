/** Markers around what a task writes into a page. */
export interface Markers {
  readonly begin: string;
  readonly end: string;
}

/** Around the report of `deno task bench --write`. */
export const BENCH: Markers = {
  begin: "<!-- bench: begin, written by `deno task bench --write` -->",
  end: "<!-- bench: end -->",
};

/** Around the reference of the configuration. */
export const REFERENCE: Markers = {
  begin: "<!-- reference: begin, written by `deno task docs` -->",
  end: "<!-- reference: end -->",
};

/**
 * A page with the text between its markers replaced.
 *
 * @throws {Error} where it does not have both markers once, in order
 */
export function between(page: string, { begin, end }: Markers, text: string): string {
  const [before = "", rest, ...others] = page.split(begin);
  const [, after, ...more] = rest?.split(end) ?? [];
  if (after === undefined || others.length + more.length > 0 || before.includes(end)) {
    throw new Error(`The page does not have one "${begin}" with one "${end}" behind it`);
  }
  return `${before}${begin}\n\n${text.trim()}\n\n${end}${after}`;
}
