import assert from "node:assert/strict";
import { runSoak } from "./support/soak.ts";
import { type Figures, growthIn } from "./support/soak_figures.ts";

/**
 * Everything at once, for some seconds in the suite and for as long as `deno task soak MINUTES` has
 * it, which compares memory and descriptors, too. `SOAK_SEED` has the same things happen again.
 */
const MINUTES = Number(Deno.args[0] ?? Deno.env.get("SOAK_MINUTES") ?? 0.2);
/** What a process has grown into its work by. */
const WARM_MINUTES = 3;

Deno.test("everything at once, for long, goes well and leaves nothing behind", async () => {
  assert.ok(MINUTES > 0, `how many minutes? ${Deno.args[0]}`);
  const seed = Number(Deno.env.get("SOAK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
  const { changes, reports } = await runSoak({ seconds: MINUTES * 60, seed, say });
  for (const report of reports) await say(JSON.stringify({ seed, ...report }));
  const context = `SOAK_SEED=${seed}\n${changes.join("\n")}`;
  for (const { wrong, failedInCalm, growth, ...figures } of reports) {
    assert.deepEqual(wrong, [], context);
    assert.deepEqual(failedInCalm, [], context);
    if (MINUTES >= WARM_MINUTES) assert.deepEqual(growth, [], context);
    const { openFiles, compressed, limited, logged, exitCode } = figures;
    assert.ok(
      logged > 100 && compressed > 0 && limited > 0,
      `${JSON.stringify({ logged, compressed, limited })}; ${context}`,
    );
    assert.ok(openFiles.after <= openFiles.before, `${JSON.stringify(openFiles)}; ${context}`);
    assert.equal(exitCode, 0, context);
  }
});

Deno.test("growthIn() tells what goes on growing, and lets all else come and go", () => {
  const MiB = 2 ** 20;
  const figures = (at: (index: number) => Partial<Figures>) =>
    Array.from({ length: 90 }, (_, index): Figures => ({
      ...{ resident: 300 * MiB, heap: 100 * MiB, descriptors: 100, ...at(index) },
    }));
  const CASES: readonly (readonly [at: (index: number) => Partial<Figures>, grown: RegExp[]])[] = [
    [() => ({}), []],
    // into its work
    [(index) => ({ resident: Math.min(300, 100 + 10 * index) * MiB }), []],
    [(index) => ({ heap: (80 + 40 * (index % 2)) * MiB, descriptors: 90 + 20 * (index % 3) }), []],
    // a burst amid a look
    [(index) => ({ descriptors: index % 20 === 19 ? 400 : 100 }), []],
    [(index) => ({ resident: (300 + 4 * index) * MiB }), [/^resident grew from /]],
    [(index) => ({ heap: (100 + 3 * index) * MiB }), [/^heap grew from /]],
    [(index) => ({ descriptors: 100 + index }), [/^descriptors grew from 145 to 175$/]],
  ];
  for (const [at, grown] of CASES) {
    const told = growthIn(figures(at));
    assert.equal(told.length, grown.length, told.join());
    for (const [index, pattern] of grown.entries()) assert.match(told[index] ?? "", pattern);
  }
  assert.deepEqual(growthIn([]), []);
});

async function say(line: string): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(`soak: ${line}\n`));
}
