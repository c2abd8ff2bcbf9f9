import assert from "node:assert/strict";
import { countedAmid, repeated, steady, type Subject } from "./workload.ts";

const subject: Subject = { port: 0, ca: "", folder: "/tmp", pid: Deno.pid };

Deno.test("countedAmid() gives the part of a load between its second and its eighth tenth", async () => {
  const amid = await countedAmid(subject, (progress) => {
    for (let percent = 10; percent <= 100; percent += 10) progress(percent);
    return Promise.resolve("done");
  });
  assert.equal(amid.result, "done");
  assert.equal(amid.share, 0.6);
  assert.ok(amid.seconds >= 0);
  assert.ok(Number.isFinite(amid.cpuMs));
});

Deno.test("countedAmid() fails where a load does not tell, or fails itself", async () => {
  await assert.rejects(countedAmid(subject, () => Promise.resolve()), /told of its progress/);
  const load = (progress: (percent: number) => void) => {
    progress(20);
    return Promise.reject(new Error("no answer"));
  };
  await assert.rejects(countedAmid(subject, load), /no answer/);
});

Deno.test("steady() and repeated() give CPU for each of what a load has done", async () => {
  const of = {
    ...{ name: "some", setup: "files", title: "some of it" } as const,
    load: (_: Subject, progress?: (percent: number) => void) => {
      progress?.(20);
      progress?.(80);
      return Promise.resolve(1_000);
    },
  };
  for (const workload of [steady(of), repeated({ ...of, unit: "ms" })]) {
    const [value = NaN] = await workload.run(subject);
    assert.ok(Number.isFinite(value), `${value}`);
  }
  assert.deepEqual(steady(of).measures.map(({ name }) => name), ["some of it, CPU µs"]);
});
