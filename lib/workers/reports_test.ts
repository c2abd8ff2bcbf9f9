import assert from "node:assert/strict";
import { counter, gauge, type MetricFamily } from "../metrics/metric_family.ts";
import { startTally } from "../metrics/tally.ts";
import { Traffic } from "../metrics/traffic.ts";
import type { WorkerReport } from "./messages.ts";
import { Reports } from "./reports.ts";

Deno.test("Reports keeps what dead workers counted, but for what a reload has taken away", () => {
  const reports = new Reports();
  for (const worker of [0, 1]) reports.take(worker, report(), { metrics: true });
  reports.lose(0);
  assert.deepEqual(lost(reports), ["a api 1", "none none 2", "b old 3", "a api 4", "b old 5"]);
  reports.keepOnly({ routes: new Set(["a"]), backends: new Set(["api"]) });
  assert.deepEqual(lost(reports), ["a api 1", "none none 2", "a api 4"]);
  // one that told last before the reload
  reports.lose(1);
  assert.deepEqual(lost(reports), ["a api 2", "none none 4", "a api 8"]);
});

function report(): WorkerReport {
  const metrics: MetricFamily[] = [
    gauge("open", "Open.", [[{}, 7]]),
    counter("requests", "Requests.", [
      [{ route: "a", backend: "api" }, 1],
      [{ route: "none", backend: "none" }, 2],
      [{ route: "b", backend: "old" }, 3],
    ]),
    counter("failures", "Failures.", [[{ route: "a", backend: "api" }, 4], [
      { route: "b", backend: "old" },
      5,
    ]]),
  ];
  const { totals } = new Traffic();
  return { totals, tally: startTally().counts, metrics, servers: [], dropped: 0 };
}

/** Route, backend and value of each sample of those that have died. */
function lost(reports: Reports): string[] {
  return (reports.all.at(-1)?.metrics ?? []).flatMap(({ samples }) =>
    samples.map(({ labels, value }) => `${labels["route"]} ${labels["backend"]} ${value}`)
  );
}
