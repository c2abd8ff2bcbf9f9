import assert from "node:assert/strict";
import { between } from "./readme.ts";

const BEGIN = "<!-- bench: begin, written by `deno task bench --write` -->";
const END = "<!-- bench: end -->";

Deno.test("between() replaces what is between the markers and nothing else", () => {
  const page = `# A\n\n${BEGIN}\nold\n${END}\n\n# B\n`;
  const expected = `# A\n\n${BEGIN}\n\nnew $& $1\n\n${END}\n\n# B\n`;
  assert.equal(between(page, "new $& $1\n"), expected);
  assert.equal(between(expected, "new $& $1"), expected);
});

Deno.test("between() refuses a page without its markers", () => {
  for (const page of ["", BEGIN, END, `${END}${BEGIN}`, `${BEGIN}${END}${BEGIN}${END}`]) {
    assert.throws(() => between(page, "new"), /does not have one/);
  }
});

Deno.test("between() fits the README", async () => {
  const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  assert.match(between(readme, "a table"), /\n\na table\n\n/);
});
