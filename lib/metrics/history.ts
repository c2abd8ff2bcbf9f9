import { quantile } from "./histogram.ts";
import { Ring } from "../core/ring.ts";
import type { Status } from "./status.ts";
import type { Totals } from "./totals.ts";

/** One second of the proxy's life. */
export interface SecondSample {
  /** ISO 8601. */
  readonly time: string;
  /** Requests in this second, and those that failed through no choice of the client. */
  readonly requests: number;
  readonly failures: number;
  /** Milliseconds; undefined in a second without requests. */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  readonly connections: number;
  readonly handshakeFailures: number;
  /** By `backend server`: how each was; empty in seconds that are longer ago. */
  readonly servers: Readonly<Record<string, string>>;
}

/** Seconds that are kept. */
const HISTORY_SECONDS = 300;
/** Of these the states of all servers: of hundreds they are the greater part by far. */
const STATES_SECONDS = 60;

/** Looks at the counters once a second and keeps what has changed, for plots. */
export class History {
  readonly #totals: () => Totals;
  readonly #samples = new Ring<SecondSample>(HISTORY_SECONDS);
  readonly #states = new Ring<SecondSample["servers"]>(STATES_SECONDS);
  #last: Totals;

  constructor(totals: () => Totals) {
    this.#totals = totals;
    this.#last = copyOf(totals());
  }

  /** The oldest first. */
  get samples(): readonly SecondSample[] {
    const [samples, states] = [this.#samples.items, this.#states.items];
    const begin = samples.length - states.length;
    return samples.map((sample, index) => ({ ...sample, servers: states[index - begin] ?? {} }));
  }

  /** Ends a second. */
  sample(now: Date, { backends }: Pick<Status, "backends">): SecondSample {
    const last = this.#last;
    const totals = this.#totals();
    const { latency, requests, failures, ledger, open } = totals;
    const counts = latency.counts.map((count, index) => count - (last.latency.counts[index] ?? 0));
    const ms = (share: number) => {
      const seconds = quantile(latency.bounds, counts, share);
      return seconds === undefined ? undefined : seconds * 1000;
    };
    const servers = Object.fromEntries(
      backends.flatMap(({ name, servers }) =>
        servers.map((server) => [`${name} ${server.name}`, server.state])
      ),
    );
    const sample: SecondSample = {
      time: now.toISOString(),
      requests: requests - last.requests,
      failures: failures - last.failures,
      p50: ms(0.5),
      p99: ms(0.99),
      connections: open,
      handshakeFailures: ledger.total - last.ledger.total,
      servers: {},
    };
    this.#last = copyOf(totals);
    this.#samples.push(sample);
    this.#states.push(servers);
    return { ...sample, servers };
  }
}

/** The counts go on counting. */
function copyOf(totals: Totals): Totals {
  const { bounds, counts } = totals.latency;
  return { ...totals, latency: { bounds, counts: counts.slice() } };
}
