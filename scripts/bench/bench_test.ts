import assert from "node:assert/strict";
import { choose, untilSteady } from "./bench.ts";
import { CONTENDERS } from "./peers/contenders.ts";
import { Processes } from "./processes.ts";
import { workloads } from "./workloads/all.ts";

const all = workloads({
  tools: { processes: new Processes(), folder: "/tmp" },
  ...{ requests: 1_000, idleConnections: 10 },
});
const named = (things: readonly { readonly name: string }[]) => things.map(({ name }) => name);

Deno.test("choose() finds every workload by its name, with all contenders", () => {
  for (const { name } of all) {
    const { workloads, contenders } = choose([name], all);
    assert.deepEqual(named(workloads), [name]);
    assert.equal(contenders, CONTENDERS);
  }
});

Deno.test("choose() takes names of both kinds together, and all where there are none", () => {
  const some = choose(["haproxy", "tls", "1k"], all);
  assert.deepEqual([named(some.contenders), named(some.workloads)], [["haproxy"], ["1k", "tls"]]);
  assert.deepEqual(choose([], all).workloads, all);
});

Deno.test("choose() refuses a name that there is not", () => {
  assert.throws(() => choose(["1k", "2k"], all), /--only 2k: there are only .*haproxy.*h2-amid/);
});

Deno.test("each workload has a contender of every kind that is compared", () => {
  for (const { name, setup } of all) {
    const able = named(CONTENDERS.filter(({ setups }) => setups.includes(setup)));
    assert.ok(able.includes("tls-proxy-openssl"), name);
    // another's heap is none of V8's, and what telling costs is a matter of one's own
    const isOwn = setup === "traced" || setup === "observed";
    assert.equal(able.includes("haproxy"), !isOwn, name);
  }
});

Deno.test("no two workloads have a measure of the same name", () => {
  const measures = all.flatMap(({ measures }) => named(measures));
  assert.equal(new Set(measures).size, measures.length);
});

Deno.test("untilSteady() goes on for as long as it takes less, and gives up at last", async () => {
  const timesFor = async (taken: (time: number) => number) => {
    let times = 0;
    await untilSteady(() => Promise.resolve(taken(times++)));
    return times;
  };
  assert.equal(await timesFor((time) => [68, 48, 49, 47, 32, 31, 32, 33, 20][time] ?? 0), 8);
  assert.equal(await timesFor(() => 40), 4);
  assert.equal(await timesFor((time) => 0.5 ** time), 12);
});
