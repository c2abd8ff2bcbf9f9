import type { ErrorCode } from "../core/errors.ts";
import { sourcePrefix } from "../core/source_prefix.ts";
import type { HandshakeFailed } from "../core/event.ts";
import { TopCounts } from "./top_counts.ts";

/** Handshakes that failed, counted three ways and all together. */
export interface LedgerReport {
  readonly total: number;
  readonly reasons: readonly { readonly reason: ErrorCode; readonly count: number }[];
  /** By the name asked for; undefined for none. */
  readonly names: readonly { readonly sni: string | undefined; readonly count: number }[];
  /** By source, /24 or /48. */
  readonly sources: readonly { readonly source: string; readonly count: number }[];
  readonly rows: readonly LedgerRow[];
}

/** Failed handshakes that are alike: their reason, name and source. */
export interface LedgerRow {
  readonly reason: string;
  readonly sni: string | undefined;
  readonly source: string;
  readonly count: number;
  /** By how much the count may be too high. */
  readonly over: number;
}

/** How many names, sources and rows are kept; strangers choose them, so they have to be bounded. */
const PLACES = 100;
/** How many of each are reported. */
const SHOWN = 20;

/**
 * Who fails to shake hands, and why: by reason, by the name asked for and by source. Its memory is
 * bounded whatever strangers send.
 */
export class HandshakeLedger {
  #total = 0;
  readonly #reasons = new Map<ErrorCode, number>();
  readonly #names = new TopCounts(PLACES);
  readonly #sources = new TopCounts(PLACES);
  readonly #rows = new TopCounts(PLACES);

  add({ peer, sni = "", error }: HandshakeFailed): void {
    if (peer === undefined) return;
    const source = sourcePrefix(peer.host);
    this.#total++;
    this.#reasons.set(error.code, (this.#reasons.get(error.code) ?? 0) + 1);
    this.#names.add(sni);
    this.#sources.add(source);
    // neither a code nor a prefix has a space in it
    this.#rows.add(`${error.code} ${source} ${sni}`);
  }

  get total(): number {
    return this.#total;
  }

  /** By reason, the most frequent first. */
  get reasons(): LedgerReport["reasons"] {
    return [...this.#reasons].map(([reason, count]) => ({ reason, count }))
      .sort((a, b) => b.count - a.count);
  }

  report(): LedgerReport {
    return {
      total: this.#total,
      reasons: this.reasons,
      names: this.#names.top(SHOWN).map(({ key, count }) => ({ sni: key || undefined, count })),
      sources: this.#sources.top(SHOWN).map(({ key, count }) => ({ source: key, count })),
      rows: this.#rows.top(SHOWN).map(({ key, count, over }) => {
        const [reason = "", source = "", ...sni] = key.split(" ");
        return { reason, source, sni: sni.join(" ") || undefined, count, over };
      }),
    };
  }
}

/** Several ledgers as one. */
export function sumLedgers(ledgers: readonly LedgerReport[]): LedgerReport {
  const sum = <Row extends { readonly count: number }>(
    rows: (ledger: LedgerReport) => readonly Row[],
    add: (a: Row, b: Row) => Row = (a, b) => ({ ...a, count: a.count + b.count }),
  ): Row[] => {
    const sums = new Map<string, Row>();
    for (const row of ledgers.flatMap(rows)) {
      const key = JSON.stringify({ ...row, count: 0, over: 0 });
      const before = sums.get(key);
      sums.set(key, before === undefined ? row : add(before, row));
    }
    return [...sums.values()].sort((a, b) => b.count - a.count).slice(0, SHOWN);
  };
  return {
    total: ledgers.reduce((total, ledger) => total + ledger.total, 0),
    reasons: sum(({ reasons }) => reasons),
    names: sum(({ names }) => names),
    sources: sum(({ sources }) => sources),
    rows: sum(
      ({ rows }) => rows,
      (a, b) => ({ ...a, count: a.count + b.count, over: a.over + b.over }),
    ),
  };
}
