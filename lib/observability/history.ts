import { quantile } from "./histogram.ts";
import { Ring } from "./ring.ts";
import type { Status } from "./status.ts";
import type { Traffic } from "./traffic.ts";

/** One second of the proxy's life. */
export interface SecondSample {
  /** ISO 8601. */
  readonly time: string;
  /** Requests in this second, and those that failed through no fault of the client. */
  readonly requests: number;
  readonly failures: number;
  /** Milliseconds; undefined in a second without requests. */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  readonly connections: number;
  readonly handshakeFailures: number;
  /** By `backend server`: how each was. */
  readonly servers: Readonly<Record<string, string>>;
}

/** Seconds that are kept. */
export const HISTORY_SECONDS = 300;

/** Looks at the counters once a second and keeps what has changed, for plots. */
export class History {
  readonly #traffic: Traffic;
  readonly #samples = new Ring<SecondSample>(HISTORY_SECONDS);
  #latency: Float64Array;
  #requests: number;
  #failures: number;
  #handshakeFailures: number;

  constructor(traffic: Traffic) {
    this.#traffic = traffic;
    this.#latency = traffic.latency.counts.slice();
    this.#requests = traffic.requests;
    this.#failures = traffic.failures;
    this.#handshakeFailures = traffic.ledger.total;
  }

  /** The oldest first. */
  get samples(): readonly SecondSample[] {
    return this.#samples.items;
  }

  /** Ends a second. */
  sample(now: Date, { backends }: Pick<Status, "backends">): SecondSample {
    const { latency, requests, failures, ledger, open } = this.#traffic;
    const counts = latency.counts.map((count, index) => count - (this.#latency[index] ?? 0));
    const ms = (share: number) => {
      const seconds = quantile(latency.bounds, counts, share);
      return seconds === undefined ? undefined : seconds * 1000;
    };
    const sample: SecondSample = {
      time: now.toISOString(),
      requests: requests - this.#requests,
      failures: failures - this.#failures,
      p50: ms(0.5),
      p99: ms(0.99),
      connections: open,
      handshakeFailures: ledger.total - this.#handshakeFailures,
      servers: Object.fromEntries(
        backends.flatMap(({ name, servers }) =>
          servers.map((server) => [`${name} ${server.name}`, server.state])
        ),
      ),
    };
    this.#latency = latency.counts.slice();
    this.#requests = requests;
    this.#failures = failures;
    this.#handshakeFailures = ledger.total;
    this.#samples.push(sample);
    return sample;
  }
}
