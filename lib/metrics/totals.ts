import type { LedgerReport } from "./ledger.ts";
import { sumLedgers } from "./ledger.ts";

/** What came and went in all, of one thread or of several together. */
export interface Totals {
  /** Connections that are open. */
  readonly open: number;
  readonly requests: number;
  /** Requests that failed through no choice of the client. */
  readonly failures: number;
  /** Of all requests together, in seconds; counts as a `Histogram` has them. */
  readonly latency: { readonly bounds: readonly number[]; readonly counts: Float64Array };
  readonly ledger: LedgerReport;
  /** Connections that were closed without a word. */
  readonly probes: number;
}

/** @param all one at the least; their histograms have the same bounds */
export function sumTotals(all: readonly [Totals, ...Totals[]]): Totals {
  const sum = (value: (totals: Totals) => number) =>
    all.reduce((sum, totals) => sum + value(totals), 0);
  const [first] = all;
  return {
    open: sum(({ open }) => open),
    requests: sum(({ requests }) => requests),
    failures: sum(({ failures }) => failures),
    latency: {
      bounds: first.latency.bounds,
      counts: first.latency.counts.map((_, index) =>
        sum(({ latency }) => latency.counts[index] ?? 0)
      ),
    },
    ledger: sumLedgers(all.map(({ ledger }) => ledger)),
    probes: sum(({ probes }) => probes),
  };
}
