import assert from "node:assert/strict";
import { cpuMsBetween, descend, parseSchedstat, parseStat, type Usage, usageOf } from "./cpu.ts";

Deno.test("parseStat() reads a line of any program name", () => {
  const rest = "S 7 7 7 0 -1 4194304 900 0 0 0 30 12 5 3 20 0 11 0 1234 99999 2048 184467";
  for (const name of ["nginx", "a b", "x) R 1 (y"]) {
    const stat = parseStat(`42 (${name}) ${rest}`);
    assert.deepEqual(stat, { pid: 42, parent: 7, ticks: 50, rssPages: 2048 });
  }
});

Deno.test("parseStat() refuses what is no such line", () => {
  assert.equal(parseStat(""), undefined);
  assert.equal(parseStat("cat: /proc/7/stat: No such process"), undefined);
});

Deno.test("parseSchedstat() reads a thread's time on a core", () => {
  const time = parseSchedstat("/proc/42/task/43/schedstat:237967922 38061562 719");
  assert.deepEqual(time, { pid: 42, tid: 43, ns: 237_967_922 });
  assert.equal(parseSchedstat("grep: /proc/42/task/43/schedstat: No such process"), undefined);
});

Deno.test("descend() gives a process with all below it and nothing else", () => {
  const stat = (pid: number, parent: number) => ({ pid, parent, ticks: 0, rssPages: 0 });
  const stats = [stat(1, 0), stat(5, 1), stat(6, 5), stat(7, 6), stat(8, 5), stat(9, 1)];
  assert.deepEqual(descend(stats, 5).map(({ pid }) => pid), [5, 6, 7, 8]);
  assert.deepEqual(descend(stats, 77), []);
});

function usage(threads: readonly (readonly [number, number])[], coarseMs: number): Usage {
  return { threads: new Map(threads), coarseMs, rssBytes: 0 };
}

Deno.test("cpuMsBetween() counts threads to the nanosecond, new ones whole", () => {
  const before = usage([[1, 5_000_000], [2, 100_000_000]], 100);
  const after = usage([[1, 7_000_001], [2, 100_000_000], [3, 1_500_000]], 120);
  assert.equal(cpuMsBetween(before, after), 3.500001);
});

Deno.test("cpuMsBetween() goes by ticks where threads that have ended did the work", () => {
  const before = usage([[1, 5_000_000], [2, 900_000_000]], 900);
  assert.equal(cpuMsBetween(before, usage([[1, 7_000_000]], 1_500)), 600);
});

Deno.test("usageOf() counts the CPU of a child's threads and children", async () => {
  const busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
  const child = new Deno.Command("sh", { args: ["-c", `sh -c '${busy}; exec sleep 9' & wait`] })
    .spawn();
  try {
    const before = await usageOf(child.pid);
    assert.ok(before.rssBytes > 100_000, `${before.rssBytes} bytes`);
    for (let cpuMs = 0; cpuMs < 20;) cpuMs = cpuMsBetween(before, await usageOf(child.pid));
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
});

Deno.test("usageOf() fails when the process has ended", async () => {
  const child = new Deno.Command("true").spawn();
  await child.status;
  await assert.rejects(usageOf(child.pid), /has ended/);
});
