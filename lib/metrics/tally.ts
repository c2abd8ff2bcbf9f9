import { plural } from "../core/plural.ts";
import type { Observer, ProxyEvent } from "../core/event.ts";
import type { LedgerReport } from "./ledger.ts";
import { quoteValue } from "../log/text_format.ts";

/** What the proxy did, in numbers. */
export interface TallyCounts {
  connections: number;
  failed: number;
  refused: number;
  requests: number;
  errors: number;
  bytesIn: number;
  bytesOut: number;
}

/** Counts what the proxy did, for one line at its end. */
export interface Tally {
  readonly observe: Observer;
  readonly counts: Readonly<TallyCounts>;
  /** Adds what was counted elsewhere. */
  add(counts: Readonly<TallyCounts>): void;
  /** What was counted so far, for a person. */
  summary(): string;
}

/** A tally that starts at zero. */
export function startTally(): Tally {
  const count: TallyCounts = {
    ...{ connections: 0, failed: 0, refused: 0, requests: 0, errors: 0 },
    ...{ bytesIn: 0, bytesOut: 0 },
  };

  function observe(event: ProxyEvent): void {
    switch (event.kind) {
      case "handshake":
      case "passthrough":
        count.connections++;
        break;
      case "handshake_failed":
        count.failed++;
        break;
      case "connections_refused":
        count.refused += event.count;
        break;
      case "request":
        count.requests++;
        if (event.error !== undefined) count.errors++;
        break;
      case "connection_end":
        // one without TLS has no handshake to be counted by
        if (event.tls === undefined) count.connections++;
        count.bytesIn += event.bytesIn;
        count.bytesOut += event.bytesOut;
        break;
    }
  }

  function add(counts: Readonly<TallyCounts>): void {
    for (const key of Object.keys(count) as (keyof TallyCounts)[]) count[key] += counts[key];
  }

  function summary(): string {
    const { connections, failed, refused, requests, errors, bytesIn, bytesOut } = count;
    return `served ${plural(connections, "connection")} and ${plural(requests, "request")}, ` +
      (errors === 0 ? "" : `${plural(errors, "error")}, `) +
      `${plural(failed, "failed handshake")}, ` +
      (refused === 0 ? "" : `${plural(refused, "connection")} over the limit, `) +
      `${plural(bytesIn, "byte")} in, ${plural(bytesOut, "byte")} out`;
  }

  return { observe, counts: count, add, summary };
}

/** How many lines tell of failed handshakes at the most. */
const LEDGER_LINES = 5;

/** Who failed to shake hands most often, and why; nothing where nobody did. */
export function ledgerLines({ rows }: LedgerReport): readonly string[] {
  return rows.slice(0, LEDGER_LINES).map(({ count, reason, sni, source }) =>
    `${plural(count, "failed handshake")}: ${reason}, from ${source}, ` +
    (sni === undefined ? "for no name" : `for ${quoteValue(sni)}`)
  );
}
