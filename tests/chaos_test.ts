import assert from "node:assert/strict";
import { runChaos } from "./support/chaos.ts";

/**
 * `CHAOS_SECONDS` and `CHAOS_SEED` say how long and what goes wrong; by default it is a few seconds
 * of something else each time. The seed is printed, so that what was found can be played again.
 */
Deno.test("no client sees more of failing backends than it must", async () => {
  const seconds = Number(Deno.env.get("CHAOS_SECONDS") ?? 8);
  const seed = Number(Deno.env.get("CHAOS_SEED") ?? Math.floor(Math.random() * 2 ** 31));
  const report = await runChaos({ seconds, seed, clients: 6 });
  const { faults, ...figures } = report;
  await say(`chaos: ${JSON.stringify(figures)}, ${faults.length} changes`);
  const context = `CHAOS_SEED=${seed}\n${faults.join("\n")}`;

  assert.ok(report.requests > 100, context);
  assert.deepEqual(report.wrong, [], context);
  assert.deepEqual(report.failedAfterDetection, [], context);
  assert.deepEqual(Object.keys(report.failed).filter((how) => how.endsWith("hung")), [], context);
  // a server that stopped is given 3 s; what is above is for a busy machine
  assert.ok(report.slowest < 10_000, `${report.slowest} ms; ${context}`);
  const { openFiles, memory } = report;
  assert.ok(openFiles.after <= openFiles.before, `${JSON.stringify(openFiles)}; ${context}`);
  // the heap grows to its working size in the first half of a minute, and then no more
  const grown = [memory.after - memory.warm, memory.after - memory.half];
  assert.ok(
    Number(grown[0]) < 128 && Number(grown[1]) < 64,
    `${JSON.stringify(memory)}; ${context}`,
  );
  assert.equal(report.exitCode, 0, context);
});

async function say(line: string): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(`${line}\n`));
}
