/** Around what the bench writes into a page. */
const BEGIN = "<!-- bench: begin, written by `deno task bench --write` -->";
const END = "<!-- bench: end -->";

/**
 * A page with the text between its markers replaced.
 *
 * @throws {Error} where it does not have both markers once, in order
 */
export function between(page: string, text: string): string {
  const [before = "", rest, ...others] = page.split(BEGIN);
  const [, after, ...more] = rest?.split(END) ?? [];
  if (after === undefined || others.length + more.length > 0 || before.includes(END)) {
    throw new Error(`The page does not have one "${BEGIN}" with one "${END}" behind it`);
  }
  return `${before}${BEGIN}\n\n${text.trim()}\n\n${END}${after}`;
}
