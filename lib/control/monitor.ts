import { normalize } from "node:path/posix";
import manifest from "../../deno.json" with { type: "json" };
import type { AcmeStatus } from "../acme/manager.ts";
import type { Config } from "../config/config.ts";
import { formatAddress } from "../core/address.ts";
import type { Observer, ProxyEvent } from "../core/event.ts";
import { LoopDelay } from "../metrics/loop_delay.ts";
import {
  counter,
  gauge,
  histogram,
  type MetricFamily,
  sumFamilies,
} from "../metrics/metric_family.ts";
import { RecentWarnings } from "../log/recent.ts";
import type { ReloadStatus, Status } from "../metrics/status.ts";
import { sumTotals, type Totals } from "../metrics/totals.ts";
import { type KnownNames, Traffic } from "../metrics/traffic.ts";
import { routeName } from "../proxy/router.ts";
import { daysUntilExpiry, warningDays } from "../certificates/certificate.ts";
import { isOut, type ServerView } from "../upstream/server_registry.ts";
import { acmeFamilies, acmeReport } from "./acme_report.ts";
import { ServerWatch } from "./server_watch.ts";
import type { LoadedConfig } from "./snapshot.ts";

/** What of the running proxy is looked at. */
export interface Watched {
  readonly listeners: readonly {
    readonly address: { readonly host: string; readonly port: number };
    readonly mode: string;
    readonly engine: string | undefined;
  }[];
  readonly loaded: LoadedConfig;
  readonly draining: boolean;
  /** Whether every listener can accept. */
  readonly accepting: boolean;
  /** Where certificates from CAs stand. */
  readonly acme: readonly AcmeStatus[];
  /** Threads that serve, and those that have died. */
  readonly workers: { readonly running: number; readonly died: number };
  servers(): readonly ServerView[];
}

/** What was counted in another thread. */
export interface Counted {
  readonly totals: Totals;
  readonly metrics: readonly MetricFamily[];
  /** Lines of the log that were dropped. */
  readonly dropped: number;
}

/** Watches the proxy: counts what happens, and tells how all is. */
export class Monitor implements Disposable {
  readonly #traffic = new Traffic();
  readonly recent = new RecentWarnings();
  readonly #servers = new ServerWatch();
  readonly #delay = new LoopDelay();
  readonly #started = new Date();
  readonly #log: { readonly dropped: number };
  /** Of other threads, where there are some. */
  readonly #others: () => readonly Counted[];
  #reload: ReloadStatus | undefined;

  constructor(
    log: { readonly dropped: number },
    { others = () => [] }: { others?: () => readonly Counted[] } = {},
  ) {
    this.#log = log;
    this.#others = others;
  }

  get totals(): Totals {
    return sumTotals([this.#traffic.totals, ...this.#others().map(({ totals }) => totals)]);
  }

  readonly observe: Observer = (event) => {
    this.#traffic.observe(event);
    this.notice(event);
    if (event.kind === "reloaded" || event.kind === "reload_failed") this.#noteReload(event);
  };

  /** The same for an event that has been counted in another thread. */
  notice(event: ProxyEvent): void {
    this.#servers.observe(event);
    this.recent.observe(event);
  }

  /** Labels of what a reload has taken away are forgotten. */
  onReload({ config }: LoadedConfig): void {
    this.#traffic.keepOnly(namesOf(config));
  }

  status(watched: Watched): Status {
    const now = new Date();
    const { config, certificates } = watched.loaded;
    const servers = this.#servers.look(watched.servers(), now);
    const { open, requests, failures, ledger, probes } = this.totals;
    const { rss, heapUsed } = Deno.memoryUsage();
    return {
      version: manifest.version,
      runtime: `Deno ${Deno.version.deno}`,
      started: this.#started.toISOString(),
      state: watched.draining ? "draining" : "serving",
      accepting: watched.accepting,
      listeners: watched.listeners.map(({ address, mode, engine }) => ({
        address: formatAddress(address),
        mode,
        engine,
      })),
      // what stands for one that a CA has yet to give is none: `acme` tells of that
      certificates: certificates.filter(({ placeholder }) => placeholder !== true).map((
        certificate,
      ) => ({
        file: normalize(certificate.label),
        names: certificate.names,
        notAfter: certificate.notAfter.toISOString(),
        daysLeft: daysUntilExpiry(certificate, now),
        warningDays: warningDays(certificate),
      })),
      acme: acmeReport(watched.acme),
      routes: config.routes.map((route) => ({
        name: routeName(route),
        backend: route.backend ?? (route.redirect === undefined ? "respond" : "redirect"),
      })),
      backends: [...config.backends.keys()].map((name) => ({
        name,
        servers: servers.filter(({ backend }) => backend === name)
          .map(({ backend: _, ...server }) => server),
      })),
      workers: watched.workers,
      connections: { open },
      requests: { total: requests, failed: failures },
      handshakeFailures: ledger,
      probes,
      reload: this.#reload,
      log: { dropped: this.#dropped },
      memory: { rss, heapUsed },
    };
  }

  metrics(watched: Watched): readonly MetricFamily[] {
    const { certificates, backends } = this.status(watched);
    const servers = backends.flatMap(({ name, servers }) =>
      servers.map((server) => ({ labels: { backend: name, server: server.name }, server }))
    );
    return [
      gauge("tls_proxy_build_info", "What is running.", [
        [{ version: manifest.version, deno: Deno.version.deno }, 1],
      ]),
      gauge("tls_proxy_start_time_seconds", "When it was started, in seconds since 1970.", [
        [{}, this.#started.getTime() / 1000],
      ]),
      gauge("tls_proxy_draining", "Whether it has stopped accepting.", [
        [{}, Number(watched.draining)],
      ]),
      ...sumFamilies([
        [
          ...this.#traffic.families(),
          loopDelayFamily(this.#delay),
          memoryFamily(),
          residentFamily(),
        ],
        ...this.#others().map(({ metrics }) => metrics),
      ]),
      gauge(
        "tls_proxy_server_up",
        "Whether a server is used: 0 while it is known to be down, ejected or drained.",
        servers.map(({ labels, server }) => [
          labels,
          Number(!isOut(server.state)),
        ]),
      ),
      gauge(
        "tls_proxy_server_drained",
        "Whether a server gets no new requests because the configuration says so, or somebody asked for it.",
        servers.map(({ labels, server }) => [labels, Number(server.state === "draining")]),
      ),
      gauge(
        "tls_proxy_server_load",
        "Requests or connections that a server has now.",
        servers.map(({ labels, server }) => [labels, server.load]),
      ),
      gauge(
        "tls_proxy_pool_idle_connections",
        "Idle connections to a server.",
        servers.map(({ labels, server }) => [labels, server.idleConnections]),
      ),
      gauge(
        "tls_proxy_certificate_expiry_timestamp_seconds",
        "When a certificate expires, in seconds since 1970.",
        // a file may stand there several times, each for other names
        [...new Map(certificates.map(({ file, notAfter }) => [file, notAfter]))]
          .map(([certificate, notAfter]) => [{ certificate }, new Date(notAfter).getTime() / 1000]),
      ),
      ...acmeFamilies(watched.acme),
      gauge("tls_proxy_workers", "Threads that serve.", [[{}, watched.workers.running]]),
      counter("tls_proxy_workers_died", "Threads that have died, and were started again.", [
        [{}, watched.workers.died],
      ]),
      counter(
        "tls_proxy_log_dropped_lines",
        "Log lines that nobody read in time, or that could not be written.",
        [
          [{}, this.#dropped],
        ],
      ),
    ];
  }

  [Symbol.dispose](): void {
    this.#delay[Symbol.dispose]();
  }

  get #dropped(): number {
    return this.#others().reduce((sum, { dropped }) => sum + dropped, this.#log.dropped);
  }

  #noteReload(event: Extract<ProxyEvent, { kind: "reloaded" | "reload_failed" }>): void {
    const taken = event.kind === "reloaded";
    this.#reload = {
      time: new Date().toISOString(),
      taken,
      reason: event.reason,
      details: taken ? event.changes : event.problems,
    };
  }

  /** What came of the last reload. */
  get lastReload(): ReloadStatus | undefined {
    return this.#reload;
  }
}

/** The names that metrics have of a configuration. */
export function namesOf({ routes, backends }: Config): KnownNames {
  return { routes: new Set(routes.map(routeName)), backends: new Set(backends.keys()) };
}

/** How late the timers of a thread are. */
export function loopDelayFamily({ histogram: late }: LoopDelay): MetricFamily {
  const help = "How late timers are, ten times a second.";
  return histogram("tls_proxy_event_loop_delay_seconds", help, [[{}, late]]);
}

/** What a thread holds: each has a heap of its own. */
export function memoryFamily(): MetricFamily {
  const { heapTotal, heapUsed, external } = Deno.memoryUsage();
  return memoryGauge([
    [{ kind: "heap" }, heapTotal],
    [{ kind: "heap_used" }, heapUsed],
    [{ kind: "external" }, external],
  ]);
}

/** What all threads take up together. */
function residentFamily(): MetricFamily {
  return memoryGauge([[{ kind: "resident" }, Deno.memoryUsage().rss]]);
}

function memoryGauge(values: Parameters<typeof gauge>[2]): MetricFamily {
  return gauge("tls_proxy_memory_bytes", "Memory, by kind.", values);
}
