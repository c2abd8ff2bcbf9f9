import assert from "node:assert/strict";
import { BENCH, between, REFERENCE } from "./between.ts";

const { begin: BEGIN, end: END } = BENCH;

Deno.test("between() replaces what is between the markers and nothing else", () => {
  const page = `# A\n\n${BEGIN}\nold\n${END}\n\n# B\n`;
  const expected = `# A\n\n${BEGIN}\n\nnew $& $1\n\n${END}\n\n# B\n`;
  assert.equal(between(page, BENCH, "new $& $1\n"), expected);
  assert.equal(between(expected, BENCH, "new $& $1"), expected);
});

Deno.test("between() refuses a page without its markers", () => {
  for (const page of ["", BEGIN, END, `${END}${BEGIN}`, `${BEGIN}${END}${BEGIN}${END}`]) {
    assert.throws(() => between(page, BENCH, "new"), /does not have one/);
  }
});

Deno.test("between() fits the pages that are written", async () => {
  for (const [page, markers] of [["benchmarks", BENCH], ["configuration", REFERENCE]] as const) {
    const text = await Deno.readTextFile(new URL(`../docs/${page}.md`, import.meta.url));
    assert.match(between(text, markers, "a table"), /\n\na table\n\n/);
  }
});
