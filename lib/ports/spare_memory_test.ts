import assert from "node:assert/strict";
import { eventually } from "../../tests/support/deadline.ts";
import { libcPath } from "./libc.ts";
import { Rest, SpareMemory } from "./spare_memory.ts";

Deno.test("Rest waits for work, and for the end of it", () => {
  assert.deepEqual(looks([100, 100, 100_000, 100]), [false, false, false, false]);
  assert.deepEqual(looks([300_000, 200_000, 50_000, 100]), [false, false, true, false]);
  assert.deepEqual(looks([10_000, 230_000, 5_000, 5_000]), [false, false, false, true]);
});

Deno.test("Rest comes once a minute to who has none", () => {
  const busy = looks(Array(180).fill(900_000));
  const times = busy.flatMap((isRest, index) => isRest ? [index] : []);
  assert.deepEqual(times, [59, 119, 179]);
});

Deno.test({
  name: "SpareMemory gives back what was freed",
  ignore: Deno.build.os !== "linux" || Deno.build.env === "musl",
  async fn() {
    const path = libcPath() ?? "";
    const library = Deno.dlopen(path, {
      malloc: { parameters: ["usize"], result: "pointer" },
      free: { parameters: ["pointer"], result: "void" },
      memset: { parameters: ["pointer", "i32", "usize"], result: "pointer" },
    });
    const { malloc, free, memset } = library.symbols;
    const blocks = Array.from({ length: BLOCKS }, () => {
      const block = malloc(BLOCK_BYTES);
      memset(block, 1, BLOCK_BYTES);
      return block;
    });
    // one that stays keeps the others from going back by themselves
    const last = blocks.pop() ?? null;
    for (const block of blocks) free(block);
    const before = Deno.memoryUsage().rss;
    using _spare = new SpareMemory();
    // work, so that there may be something to give
    for (const end = performance.now() + 400; performance.now() < end;);
    await eventually(
      () => Promise.resolve(before - Deno.memoryUsage().rss > 0.8 * Number(BLOCK_BYTES) * BLOCKS),
      () => `memory to go back; there are ${Deno.memoryUsage().rss} bytes, and were ${before}`,
    );
    free(last);
    library.close();
  },
});

/** Small enough for the heap of the C library, whose large blocks go back by themselves. */
const BLOCK_BYTES = 64n * 1024n;
const BLOCKS = 1_000;

/** What each look says, where so much was spent before it. */
function looks(spent: readonly number[]): boolean[] {
  const rest = new Rest();
  let time = 0;
  return spent.map((microseconds) => rest.look(time += microseconds));
}
