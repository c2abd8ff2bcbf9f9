import type {
  ConnectionEnded,
  HandshakeDone,
  ProxyEvent,
  RequestServed,
  ServerFailed,
} from "../core/event.ts";
import { putLast } from "../core/put_last.ts";
import { serverKey, serverOf } from "../core/server_name.ts";
import { Histogram, LATENCY_BOUNDS } from "./histogram.ts";
import { HandshakeLedger } from "./ledger.ts";
import { counter, gauge, histogram, type MetricFamily } from "./metric_family.ts";
import type { Totals } from "./totals.ts";

/** What was counted of the requests of one route to one backend. */
interface RouteCounts {
  readonly route: string;
  readonly backend: string;
  /** By status class, 0 for none. */
  readonly statuses: Float64Array;
  readonly total: Histogram;
  readonly firstByte: Histogram;
  bytesIn: number;
  bytesOut: number;
  retries: number;
  reused: number;
  fresh: number;
}

/** What a configuration has names for, of those that metrics have labels for. */
export interface KnownNames {
  readonly routes: ReadonlySet<string>;
  readonly backends: ReadonlySet<string>;
}

/**
 * Counts all that happens, for metrics and dashboard: a handful of additions an event.
 *
 * It is made by hand because `prom-client` takes 1 to 1.7 µs for what a request counts (it puts the
 * labels together as text for each), where this takes a tenth of that. Every label comes from the
 * configuration or from a table of ours: a client can create none.
 */
export class Traffic {
  readonly ledger = new HandshakeLedger();
  readonly #routes = new Map<string, Map<string, RouteCounts>>();
  readonly #handshakes = new Map<string, number>();
  readonly #handshakeTime = new Histogram(LATENCY_BOUNDS);
  readonly #rules = new Map<string, Map<string, number>>();
  readonly #compressed = new Map<string, { answers: number; bytesIn: number; bytesOut: number }>();
  readonly #errors = new Map<string, number>();
  readonly #ends = new Map<string, number>();
  readonly #serverFailures = new Map<string, Map<string, number>>();
  #resumed = 0;
  #passed = 0;
  #open = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  #reloads = 0;
  #reloadsFailed = 0;
  /** Of all requests together, for the dashboard. */
  readonly latency = new Histogram(LATENCY_BOUNDS);
  requests = 0;
  /** Requests that failed through no choice of the client. */
  failures = 0;

  get totals(): Totals {
    const { requests, failures, latency } = this;
    const [open, probes] = [this.#open, this.#probes];
    return { open, requests, failures, latency, ledger: this.ledger.report(), probes };
  }

  #probes = 0;
  readonly #refused = { connections: 0, connectionsPerIp: 0, handshakes: 0 };

  readonly observe = (event: ProxyEvent): void => {
    switch (event.kind) {
      case "request":
        return this.#request(event);
      case "handshake":
        return this.#handshake(event);
      case "passthrough":
        this.#open++;
        return void this.#passed++;
      case "plain_connection":
        this.#open += event.state === "open" ? 1 : -1;
        return;
      case "connection_end":
        return this.#end(event);
      case "handshake_failed":
        return this.ledger.add(event);
      case "probed":
        return void this.#probes++;
      case "connections_refused":
        this.#refused[event.limit] += event.count;
        return;
      case "server_failed":
        return this.#serverFailed(event);
      case "reloaded":
        return void this.#reloads++;
      case "reload_failed":
        return void this.#reloadsFailed++;
    }
  };

  /** Forgets what a reload has taken away, so that labels do not pile up. */
  keepOnly({ routes, backends }: KnownNames): void {
    for (const [route, byBackend] of this.#routes) {
      for (const backend of byBackend.keys()) {
        if (backend !== NONE && !backends.has(backend)) byBackend.delete(backend);
      }
      if (route !== NONE && !routes.has(route)) this.#routes.delete(route);
    }
    for (const route of this.#rules.keys()) if (!routes.has(route)) this.#rules.delete(route);
    for (const key of this.#serverFailures.keys()) {
      if (!backends.has(serverOf(key).backend)) this.#serverFailures.delete(key);
    }
  }

  /** All that was counted so far. */
  families(): MetricFamily[] {
    return [
      ...this.#ofConnections(),
      ...this.#ofRequests(),
      ...this.#ofRules(),
      counter(
        "tls_proxy_server_failures",
        "Failures of servers, by error.",
        [...this.#serverFailures].flatMap(([key, codes]) =>
          [...codes].map(([code, count]) => [{ ...serverOf(key), code }, count] as const)
        ),
      ),
      counter("tls_proxy_reloads", "Reloads, by result.", [
        [{ result: "taken" }, this.#reloads],
        [{ result: "refused" }, this.#reloadsFailed],
      ]),
    ];
  }

  #ofConnections(): MetricFamily[] {
    return [
      gauge("tls_proxy_connections", "Client connections that are open.", [[{}, this.#open]]),
      counter(
        "tls_proxy_connections_ended",
        "Client connections that have ended, by how they did.",
        [...this.#ends].map(([how, count]) => [{ how }, count]),
      ),
      counter("tls_proxy_connection_bytes", "Plaintext bytes of ended connections.", [
        [{ direction: "in" }, this.#bytesIn],
        [{ direction: "out" }, this.#bytesOut],
      ]),
      counter("tls_proxy_handshakes", "TLS handshakes.", [
        ...[...this.#handshakes].map(([protocol, count]) =>
          [{ result: "done", protocol }, count] as const
        ),
        [{ result: "failed", protocol: "unknown" }, this.ledger.total],
      ]),
      counter(
        "tls_proxy_passthroughs",
        "Connections that went on to a server with their TLS as it is.",
        [[{}, this.#passed]],
      ),
      counter("tls_proxy_probes", "Connections that were closed without a word, as probes are.", [
        [{}, this.#probes],
      ]),
      counter(
        "tls_proxy_connections_refused",
        "Connections closed at once, by the limit reached.",
        [
          [{ limit: "connections" }, this.#refused.connections],
          [{ limit: "connections_per_ip" }, this.#refused.connectionsPerIp],
          [{ limit: "handshakes" }, this.#refused.handshakes],
        ],
      ),
      counter("tls_proxy_handshakes_resumed", "TLS handshakes that resumed a session.", [
        [{}, this.#resumed],
      ]),
      counter(
        "tls_proxy_handshake_failures",
        "TLS handshakes that failed, by reason.",
        this.ledger.reasons.map(({ reason, count }) => [{ reason }, count]),
      ),
      histogram("tls_proxy_handshake_duration_seconds", "From accept to the end of a handshake.", [
        [{}, this.#handshakeTime],
      ]),
    ];
  }

  #ofRequests(): MetricFamily[] {
    const routes = [...this.#routes.values()].flatMap((byBackend) => [...byBackend.values()]);
    const where = ({ route, backend }: RouteCounts) => ({ route, backend });
    return [
      counter(
        "tls_proxy_requests",
        "HTTP requests, by route, backend and class of the status.",
        routes.flatMap((counts) =>
          [...counts.statuses].flatMap((count, index) =>
            count === 0
              ? []
              : [[{ ...where(counts), status: STATUSES[index] ?? "" }, count]] as const
          )
        ),
      ),
      counter(
        "tls_proxy_request_errors",
        "HTTP requests that failed, by error.",
        [...this.#errors].map(([code, count]) => [{ code }, count]),
      ),
      histogram(
        "tls_proxy_request_duration_seconds",
        "From a request's head to the end of its answer.",
        routes.map((counts) => [where(counts), counts.total]),
      ),
      histogram(
        "tls_proxy_request_first_byte_seconds",
        "From a request's head to the head of the server's answer.",
        routes.map((counts) => [where(counts), counts.firstByte]),
      ),
      counter("tls_proxy_request_bytes", "Plaintext bytes of HTTP requests and answers.", [
        ...routes.map((counts) => [{ ...where(counts), direction: "in" }, counts.bytesIn] as const),
        ...routes.map((counts) =>
          [{ ...where(counts), direction: "out" }, counts.bytesOut] as const
        ),
      ]),
      counter(
        "tls_proxy_retries",
        "Requests that were sent once more.",
        routes.map((counts) => [where(counts), counts.retries]),
      ),
      counter("tls_proxy_upstream_requests", "Requests to servers, by kind of connection.", [
        ...routes.map((counts) =>
          [{ ...where(counts), connection: "reused" }, counts.reused] as const
        ),
        ...routes.map((counts) => [{ ...where(counts), connection: "new" }, counts.fresh] as const),
      ]),
    ];
  }

  #ofRules(): MetricFamily[] {
    return [
      counter(
        "tls_proxy_rule_answers",
        "Requests that a rule of their route has answered.",
        [...this.#rules].flatMap(([route, rules]) =>
          [...rules].map(([rule, count]) => [{ route, rule }, count] as const)
        ),
      ),
      counter(
        "tls_proxy_compressed_answers",
        "Answers that were compressed.",
        [...this.#compressed].map(([coding, { answers }]) => [{ coding }, answers]),
      ),
      counter(
        "tls_proxy_compressed_bytes",
        "Bytes of the bodies of compressed answers, as they came and as they went.",
        [...this.#compressed].flatMap(([coding, { bytesIn, bytesOut }]) => [
          [{ coding, direction: "in" }, bytesIn] as const,
          [{ coding, direction: "out" }, bytesOut] as const,
        ]),
      ),
    ];
  }

  #request(event: RequestServed): void {
    const { status, durationMs, attempts, error } = event;
    const counts = this.#counts(event.route ?? NONE, event.backend ?? NONE);
    const of = status >= 100 && status < 1000 ? (status / 100) | 0 : 0;
    counts.statuses[of] = (counts.statuses[of] as number) + 1;
    const seconds = durationMs / 1000;
    counts.total.observe(seconds);
    this.latency.observe(seconds);
    if (event.firstByteMs !== undefined) counts.firstByte.observe(event.firstByteMs / 1000);
    counts.bytesIn += event.bytesIn;
    counts.bytesOut += event.bytesOut;
    this.requests++;
    if (event.rule !== undefined) this.#ruled(event.route ?? NONE, event.rule);
    if (event.coded !== undefined) this.#coded(event.coded);
    if (attempts > 0) {
      counts.retries += attempts - 1;
      if (event.reused) counts.reused++;
      else counts.fresh++;
    }
    if (error === undefined) return;
    increment(this.#errors, error.code);
    if (!error.isEveryday) this.failures++;
  }

  #coded({ coding, bytesIn, bytesOut }: NonNullable<RequestServed["coded"]>): void {
    let counts = this.#compressed.get(coding);
    if (counts === undefined) {
      this.#compressed.set(coding, counts = { answers: 0, bytesIn: 0, bytesOut: 0 });
    }
    counts.answers++;
    counts.bytesIn += bytesIn;
    counts.bytesOut += bytesOut;
  }

  #ruled(route: string, rule: string): void {
    let rules = this.#rules.get(route);
    if (rules === undefined) this.#rules.set(route, rules = new Map());
    increment(rules, rule);
  }

  #counts(route: string, backend: string): RouteCounts {
    let byBackend = this.#routes.get(route);
    if (byBackend === undefined) this.#routes.set(route, byBackend = new Map());
    let counts = byBackend.get(backend);
    if (counts === undefined) byBackend.set(backend, counts = noCounts(route, backend));
    return counts;
  }

  #handshake({ tls }: HandshakeDone): void {
    this.#open++;
    increment(this.#handshakes, tls.protocol ?? "unknown");
    if (tls.resumed === true) this.#resumed++;
    if (tls.handshakeMs !== undefined) this.#handshakeTime.observe(tls.handshakeMs / 1000);
  }

  #end({ bytesIn, bytesOut, error, tls }: ConnectionEnded): void {
    // of one without TLS its listener tells
    if (tls !== undefined) this.#open--;
    this.#bytesIn += bytesIn;
    this.#bytesOut += bytesOut;
    increment(this.#ends, error?.code ?? "done");
  }

  #serverFailed(failed: ServerFailed): void {
    const key = serverKey(failed);
    const codes = this.#serverFailures.get(key) ?? new Map<string, number>();
    increment(codes, failed.error.code);
    // the last is the one that failed last: servers behind names come and go
    putLast(this.#serverFailures, [key, codes], MAX_SERVERS);
  }
}

/** The same of metrics as they were told: those of other names are left out. */
export function keptFamilies(
  families: readonly MetricFamily[],
  { routes, backends }: KnownNames,
): readonly MetricFamily[] {
  const isKept = (names: ReadonlySet<string>, name = NONE) => name === NONE || names.has(name);
  return families.map((family) => ({
    ...family,
    samples: family.samples.filter(({ labels }) =>
      isKept(routes, labels["route"]) && isKept(backends, labels["backend"])
    ),
  }));
}

/** The label where there is nothing to name. */
const NONE = "none";
/** By the first digit of a status; servers may answer with what stands beyond 599. */
const STATUSES = [NONE, ...Array.from({ length: 9 }, (_, digit) => `${digit + 1}xx`)];
/** Servers whose failures are counted at a time. */
const MAX_SERVERS = 1000;

function noCounts(route: string, backend: string): RouteCounts {
  return {
    route,
    backend,
    statuses: new Float64Array(STATUSES.length),
    total: new Histogram(LATENCY_BOUNDS),
    firstByte: new Histogram(LATENCY_BOUNDS),
    bytesIn: 0,
    bytesOut: 0,
    retries: 0,
    reused: 0,
    fresh: 0,
  };
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
