import assert from "node:assert/strict";
import { CONTENDERS } from "./peers/contenders.ts";
import { groupsOf, renderReport, Samples } from "./report.ts";
import type { Workload } from "./workloads/workload.ts";

Deno.test("renderReport() has a row for each measure, with ratios to the baseline", () => {
  const samples = new Samples();
  [40, 44, 99].forEach((value, round) => {
    samples.add(value, { contender: "ours", measure: "CPU", round });
    samples.add(round === 2 ? 100 : 50, { contender: "theirs", measure: "CPU", round });
  });
  samples.add(7, { contender: "ours", measure: "memory", round: 0 });
  const report = renderReport({
    facts: new Map([["machine", "a fast one"]]),
    groups: [{
      title: "http mode",
      measures: [{ name: "CPU", digits: 1 }, { name: "memory", digits: 0 }],
      contenders: ["ours", "theirs"],
      baseline: "theirs",
    }],
    samples,
    skipped: ["other is left out"],
    troubles: [],
  });
  assert.equal(
    report,
    `- machine: a fast one

| http mode | ours | theirs |
| --- | ---: | ---: |
| CPU | 44.0 (0.88) | 50.0 |
| memory | 7 | - |

- other is left out
`,
  );
});

Deno.test("groupsOf() has a table for each chapter and mode, with contenders that can", () => {
  const workload = (setup: Workload["setup"]): Workload => ({
    ...{ name: setup, setup, fresh: false },
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
      ["HTTP/1.1, by forwarding bytes", "CPU of app,CPU of files", "hitch", "hitch"],
      ["Trust", "CPU of clients", "tls-proxy-openssl,haproxy", "haproxy"],
      [
        ...["JSON access log, admin page, metrics read each second", "CPU of observed"],
        ...["tls-proxy-openssl,tls-proxy-observed", "tls-proxy-openssl"],
      ],
    ],
  );
});
