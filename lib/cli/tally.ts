import type { Observer, ProxyEvent } from "../observability/event.ts";

/** Counts what the proxy did, for one line at its end. */
export interface Tally {
  readonly observe: Observer;
  /** What was counted so far, for a person. */
  summary(): string;
}

/** A tally that starts at zero. */
export function startTally(): Tally {
  const count = { connections: 0, failed: 0, refused: 0, requests: 0, bytesIn: 0, bytesOut: 0 };

  function observe(event: ProxyEvent): void {
    switch (event.kind) {
      case "handshake":
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
        break;
      case "connection_end":
        count.bytesIn += event.bytesIn;
        count.bytesOut += event.bytesOut;
        break;
    }
  }

  function summary(): string {
    const { connections, failed, refused, requests, bytesIn, bytesOut } = count;
    return `served ${plural(connections, "connection")} and ${plural(requests, "request")}, ` +
      `${plural(failed, "failed handshake")}, ` +
      (refused === 0 ? "" : `${plural(refused, "connection")} over the limit, `) +
      `${bytesIn} bytes in, ${bytesOut} bytes out`;
  }

  return { observe, summary };
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
