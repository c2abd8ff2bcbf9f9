import assert from "node:assert/strict";
import { CONTENDERS } from "./peers/contenders.ts";
import { groupsOf, Samples } from "./findings.ts";
import type { Workload } from "./workloads/workload.ts";

Deno.test("Samples have the median of values, and of ratios within a round", () => {
  const samples = new Samples();
  [40, 44, 99].forEach((value, round) => {
    samples.add(value, { contender: "ours", measure: "CPU", round });
    samples.add(round === 2 ? 100 : 50, { contender: "theirs", measure: "CPU", round });
  });
  samples.add(7, { contender: "ours", measure: "CPU", round: 3 });
  assert.equal(samples.median("ours", "CPU"), 42);
  assert.equal(samples.ratio("ours", "theirs", "CPU"), 0.88);
  assert.equal(samples.median("ours", "memory"), undefined);
  assert.equal(samples.ratio("ours", "others", "CPU"), undefined);
});

Deno.test("groupsOf() has a table for each chapter and mode, with contenders that can", () => {
  const workload = (setup: Workload["setup"]): Workload => ({
    ...{ name: setup, setup, fresh: false, ofBytes: setup === "app" },
    measures: [{ name: `CPU of ${setup}`, digits: 1 }],
    warmUp: () => Promise.resolve(),
    run: () => Promise.resolve([]),
  });
  const some = ["tls-proxy-openssl", "tls-proxy-observed", "haproxy", "hitch"];
  const contenders = CONTENDERS.filter(({ name }) => some.includes(name));
  const setups = ["app", "clients", "observed", "files"] as const;
  const groups = groupsOf(contenders, setups.map(workload));
  assert.deepEqual(
    groups.map(({ title, measures, contenders, baseline }) => [
      ...[title, measures.map(({ name }) => name).join()],
      ...[contenders.join(), baseline],
    ]),
    [
      ["HTTP/1.1", "CPU of app,CPU of files", "tls-proxy-openssl,haproxy", "haproxy"],
      ["HTTP/1.1, by forwarding bytes", "CPU of app", "hitch", "hitch"],
      ["Trust", "CPU of clients", "tls-proxy-openssl,haproxy", "haproxy"],
      [
        ...["JSON access log, admin page, metrics read each second", "CPU of observed"],
        ...["tls-proxy-openssl,tls-proxy-observed", "tls-proxy-openssl"],
      ],
    ],
  );
});
