import type { LedgerReport } from "./ledger.ts";

/** Everything live, as JSON: what the admin page shows. Times are ISO 8601, or ms where named so. */
export interface Status {
  readonly version: string;
  readonly runtime: string;
  readonly started: string;
  /** `draining` once it stops accepting. */
  readonly state: "serving" | "draining";
  /** Whether every listener can accept: not where descriptors have run out, say. */
  readonly accepting: boolean;
  readonly listeners: readonly ListenerStatus[];
  readonly certificates: readonly CertificateStatus[];
  /** Where those from CAs stand; empty without ACME. */
  readonly acme: readonly AcmeCertificateStatus[];
  readonly routes: readonly RouteStatus[];
  readonly backends: readonly BackendStatus[];
  /** Threads that serve, and how many have died and were started again. */
  readonly workers: { readonly running: number; readonly died: number };
  readonly connections: { readonly open: number };
  readonly requests: { readonly total: number; readonly failed: number };
  readonly handshakeFailures: LedgerReport;
  /** Connections that were closed without a word, as probes of a port are. */
  readonly probes: number;
  readonly reload: ReloadStatus | undefined;
  readonly log: { readonly dropped: number };
  readonly memory: { readonly rss: number; readonly heapUsed: number };
}

/** A listener, as `/status` shows it. */
export interface ListenerStatus {
  readonly address: string;
  readonly mode: string;
  readonly engine: string | undefined;
}

/** A certificate that is served; times are as ISO 8601 has them. */
export interface CertificateStatus {
  readonly file: string;
  readonly names: readonly string[];
  readonly notAfter: string;
  /** Negative once it has expired. */
  readonly daysLeft: number;
  /** Days left from which on it is worth a warning: less for one that lives for days. */
  readonly warningDays: number;
}

/** A certificate that a CA is asked for; times are as ISO 8601 has them. */
export interface AcmeCertificateStatus {
  readonly names: readonly string[];
  /** When the one at hand ends; undefined where there is none. */
  readonly notAfter: string | undefined;
  /** When the CA is asked for it; what is past is asked for now. */
  readonly due: string;
  /** Orders in a row that have failed. */
  readonly failures: number;
  /** Why the last has failed, in the CA's words; empty where it has not. */
  readonly reason: string;
}

export interface RouteStatus {
  readonly name: string;
  readonly backend: string;
}

/** A backend and its servers, as they are now. */
export interface BackendStatus {
  readonly name: string;
  readonly servers: readonly ServerStatus[];
}

/** A server as its checks and its requests have found it; times are as ISO 8601 has them. */
export interface ServerStatus {
  readonly name: string;
  /** `pending` is not known yet, `unchecked` has no checks; `down`, too, while requests to it fail. */
  readonly state: "pending" | "unchecked" | "up" | "down" | "ejected" | "draining";
  /** Since when, where it has changed. */
  readonly since: string | undefined;
  /** What was last found wrong with it. */
  readonly lastFailure: { readonly time: string; readonly reason: string } | undefined;
  /** Requests or connections that it has now. */
  readonly load: number;
  readonly idleConnections: number;
}

/** The last reload. */
export interface ReloadStatus {
  readonly time: string;
  readonly taken: boolean;
  readonly reason: string;
  readonly details: readonly string[];
}
