import { sumFamilies } from "../metrics/metric_family.ts";
import { startTally } from "../metrics/tally.ts";
import { keptFamilies, type KnownNames } from "../metrics/traffic.ts";
import { sumTotals } from "../metrics/totals.ts";
import type { ServerView } from "../upstream/server_registry.ts";
import type { WorkerReport } from "./messages.ts";

/** What workers have told of what they counted, also those that have died. */
export class Reports {
  readonly #latest = new Map<number, WorkerReport>();
  /** Of all workers that have died, as each told last. */
  #lost: WorkerReport | undefined;
  /** What the configuration in force has; undefined where none has taken the place of another. */
  #known: KnownNames | undefined;

  /** Each worker's, and what is left of the dead. */
  get all(): readonly WorkerReport[] {
    return this.#lost === undefined ? this.#ofRunning : [...this.#ofRunning, this.#lost];
  }

  /** The servers as the running workers see them. */
  get servers(): readonly ServerView[] {
    return this.#ofRunning.flatMap(({ servers }) => servers);
  }

  /** @param metrics whether it has them; else those that the worker told last go on */
  take(worker: number, report: WorkerReport, { metrics }: { readonly metrics: boolean }): void {
    const before = this.#latest.get(worker);
    const kept = metrics || before === undefined ? report.metrics : before.metrics;
    this.#latest.set(worker, { ...report, metrics: kept });
  }

  /** A worker has died: what it had counted stays counted, what it had open is open no more. */
  lose(worker: number): void {
    const report = this.#latest.get(worker);
    this.#latest.delete(worker);
    if (report !== undefined) this.#lost = this.#kept(addLost(this.#lost, report));
  }

  /** Forgets of the dead what a reload has taken away, as those that run do. */
  keepOnly(known: KnownNames): void {
    this.#known = known;
    if (this.#lost !== undefined) this.#lost = this.#kept(this.#lost);
  }

  #kept(report: WorkerReport): WorkerReport {
    if (this.#known === undefined) return report;
    return { ...report, metrics: keptFamilies(report.metrics, this.#known) };
  }

  get #ofRunning(): readonly WorkerReport[] {
    return [...this.#latest.values()];
  }
}

function addLost(before: WorkerReport | undefined, report: WorkerReport): WorkerReport {
  const tally = startTally();
  if (before !== undefined) tally.add(before.tally);
  tally.add(report.tally);
  const ended = { ...report.totals, open: 0 };
  return {
    totals: before === undefined ? ended : sumTotals([before.totals, ended]),
    tally: tally.counts,
    metrics: sumFamilies([
      before?.metrics ?? [],
      report.metrics.filter(({ type }) => type !== "gauge"),
    ]),
    servers: [],
    dropped: (before?.dropped ?? 0) + report.dropped,
  };
}
