import type { BackendConfig, LimitsConfig, LogConfig, TimeoutsConfig } from "./schema.ts";

/** What each key is when nobody says otherwise; milliseconds and bytes. */
export const DEFAULT_TIMEOUTS: TimeoutsConfig = {
  handshake: 10_000,
  header: 30_000,
  bodyIdle: 60_000,
  keepAlive: 75_000,
  tunnelIdle: 600_000,
  drain: 30_000,
};

export const DEFAULT_LIMITS: LimitsConfig = { headerBytes: 16 * 1024, headers: 100 };

export const DEFAULT_LOG: LogConfig = { level: "info", access: true, tls: true };

export const DEFAULT_BACKEND: Omit<BackendConfig, "servers"> = {
  timeouts: { connect: 5_000, response: 60_000 },
  pool: { maxIdle: 64, idleTimeout: 60_000 },
};
