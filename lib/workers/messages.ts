import type { RunningListener } from "../control/listener_set.ts";
import type { LoadedConfig } from "../control/snapshot.ts";
import type { PendingChallenges } from "../acme/challenges.ts";
import type { PasswordQuestion } from "./password_thread.ts";
import type { Address } from "../core/address.ts";
import { type ErrorCode, ProxyError } from "../core/errors.ts";
import type { ProxyEvent, ServersResolved } from "../core/event.ts";
import type { ServerName } from "../core/server_name.ts";
import type { MetricFamily } from "../metrics/metric_family.ts";
import type { TallyCounts } from "../metrics/tally.ts";
import type { Totals } from "../metrics/totals.ts";
import { isRefused } from "../upstream/dial.ts";
import type { ConnectionEnds } from "../ports/own_sockets.ts";
import type { TicketKeySets } from "../tls/openssl/ticket_keys.ts";
import type { ServerView } from "../upstream/server_registry.ts";
import type { StickyKeys } from "../upstream/sticky_cookie.ts";

/** What the control plane asks of a worker. */
export interface WorkerProcedures {
  /** Opens the libraries that it is going to call, while that is permitted. */
  load(nothing: undefined): void;
  /** Listens and serves. */
  start(start: WorkerStart): Promise<readonly RunningListener[]>;
  /** Makes ready for a configuration; `commit` or `drop` follows. */
  prepare(next: LoadedConfig): Promise<void>;
  /** @returns the listeners there are now */
  commit(): Promise<readonly RunningListener[]>;
  drop(): Promise<void>;
  setDrained(order: { readonly name: ServerName; readonly drained: boolean }): Promise<void>;
  /** See `App`, like the next two. */
  setTicketKeys(sets: TicketKeySets): void;
  setStickyKeys(keys: StickyKeys): void;
  setChallenges(pending: PendingChallenges): void;
  believe(health: ServerHealth): void;
  /** Another worker has met a failure of a server: that this one is served there is news. */
  doubt(server: ServerName): void;
  report(options: { readonly metrics: boolean }): WorkerReport;
  /** @returns how many connections were cut off, and the last report */
  drain(): Promise<{ readonly cut: number; readonly report: WorkerReport }>;
}

/** All that a thread takes to serve as a worker. */
export interface WorkerStart {
  readonly loaded: LoadedConfig;
  readonly traced: boolean;
  /** Whether the log is for a person at a terminal, and in colours. */
  readonly terminal: { readonly coloured: boolean } | undefined;
  readonly counters: SharedArrayBuffer;
  /** Where rates are kept. */
  readonly rates: SharedArrayBuffer;
  /** What the control plane's `rateClock` says: that of the worker may say something else. */
  readonly now: number;
  /** How many descriptors the process may have; undefined where that is not known. */
  readonly descriptors: number | undefined;
  readonly ticketKeys: TicketKeySets;
  readonly stickyKeys: StickyKeys;
  /** Where it is to be seen that the worker goes on. */
  readonly beats: SharedArrayBuffer;
  /** Which of the workers this is, from 0. */
  readonly index: number;
  /** Why the C library cannot be called; undefined where it can. */
  readonly unavailable: string | undefined;
}

/** What the control plane's checks have found. */
export interface ServerHealth {
  readonly name: ServerName;
  readonly state: "up" | "down";
}

/** What a worker has to tell of itself. */
export interface WorkerReport {
  readonly totals: Totals;
  readonly tally: TallyCounts;
  /** Empty where they were not asked for. */
  readonly metrics: readonly MetricFamily[];
  readonly servers: readonly ServerView[];
  /** Lines of the log that were dropped. */
  readonly dropped: number;
}

/** What a worker asks of the control plane. */
export interface ControlProcedures {
  /** Whether a password is that of a hash. */
  checkPassword(question: PasswordQuestion): Promise<boolean>;
  /** See `PortKeeper.claim`. */
  claim(address: Address): number;
  /** Settles when it is this worker's turn to open a socket. */
  turn(nothing: undefined): Promise<void>;
  /** The turn is over: a socket was opened. @returns its number, and whether it takes over */
  opened(opened: OpenedPort): { readonly socket: number; readonly takesOver: boolean };
  /** The turn is over: nothing was opened. */
  notOpened(nothing: undefined): void;
  /** Settles when no new connection comes to a socket that is to be closed. */
  closing(socket: number): Promise<void>;
  /** Settles when it may be closed. */
  silence(socket: number): void;
  /** The turn is over. */
  closed(socket: number): void;
  free(ends: ConnectionEnds): void;
  /** Settles when it may be closed. */
  reset(ends: ConnectionEnds): Promise<void>;
  /** Appends to the log, whole lines. */
  log(lines: Uint8Array): Promise<void>;
  /** Something that the control plane goes by, or shows. */
  notice(event: EventMessage): void;
  /** It has found addresses of a name, and does not know how the servers there are. */
  found(servers: FoundServers): void;
}

/** Servers that a look at their name has added. */
export type FoundServers = Pick<ServersResolved, "backend" | "added">;

/** A socket of a worker that is to join those on its address. */
export interface OpenedPort {
  readonly address: Address;
  /** Whether it is of use only with Nagle's algorithm off. */
  readonly noDelay: boolean;
}

/** An event whose error is spelled out, as one that is copied would forget its code. */
export interface EventMessage {
  readonly event: ProxyEvent;
  readonly error: EventError | undefined;
}

interface EventError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly refused: boolean;
}

/** An event as it can be sent to another thread. */
export function packEvent(event: ProxyEvent): EventMessage {
  if (!("error" in event) || event.error === undefined) return { event, error: undefined };
  const { code, message } = event.error;
  const refused = isRefused(event.error);
  return { event: { ...event, error: undefined } as ProxyEvent, error: { code, message, refused } };
}

/** The event that another thread has packed. */
export function unpackEvent({ event, error }: EventMessage): ProxyEvent {
  if (error === undefined) return event;
  const cause = error.refused ? new Deno.errors.ConnectionRefused() : undefined;
  return { ...event, error: new ProxyError(error.code, error.message, { cause }) } as ProxyEvent;
}
