import type { Address } from "../core/address.ts";
import type { EngineName } from "../tls/engine.ts";

/**
 * The whole configuration, parsed and checked: whatever made it (flags, later YAML), nothing after
 * it checks again. Durations are milliseconds, sizes are bytes.
 */
export interface Config {
  readonly listeners: readonly ListenerConfig[];
  readonly certificates: readonly CertificateConfig[];
  /** By name. */
  readonly backends: ReadonlyMap<string, BackendConfig>;
  /** First match wins. */
  readonly routes: readonly RouteConfig[];
  readonly timeouts: TimeoutsConfig;
  readonly limits: LimitsConfig;
  readonly log: LogConfig;
}

export interface ListenerConfig {
  readonly listen: Address;
  readonly mode: Mode;
  readonly engine: EngineName | "auto";
}

/** What a listener does with the plaintext. */
export type Mode = "http" | "tcp";

/** Paths of a PEM pair. */
export interface CertificateConfig {
  readonly cert: string;
  readonly key: string;
}

export interface BackendConfig {
  readonly servers: readonly Address[];
  readonly timeouts: { readonly connect: number; readonly response: number };
  readonly pool: { readonly maxIdle: number; readonly idleTimeout: number };
}

export interface RouteConfig {
  /** Empty matches every host. */
  readonly hosts: readonly string[];
  readonly backend: string;
}

export interface TimeoutsConfig {
  readonly handshake: number;
  readonly header: number;
  readonly bodyIdle: number;
  readonly keepAlive: number;
  readonly tunnelIdle: number;
  readonly drain: number;
}

export interface LimitsConfig {
  readonly headerBytes: number;
  readonly headers: number;
}

export interface LogConfig {
  readonly level: "debug" | "info" | "warning" | "error";
  readonly access: boolean;
  /** Whether protocol, cipher and SNI are wanted in the log; they cost the `node` engine. */
  readonly tls: boolean;
}
