import type * as z from "zod";
import type { Frozen } from "./camel_keys.ts";
import type { YAML_SCHEMA } from "./yaml_schema.ts";

export type { ListenerConfig, Mode, TlsListenerConfig } from "./listener_schema.ts";
export type { CertificateConfig } from "./certificate_schema.ts";

type FileConfig = Frozen<z.output<typeof YAML_SCHEMA>>;

/**
 * The whole configuration, parsed and checked: whatever made it, flags or YAML, nothing after it
 * checks again. Durations are milliseconds, sizes are bytes, paths are as this process can open
 * them, host names are lower-case A-labels. What each key means stands in the schema of the file.
 */
export interface Config extends Omit<FileConfig, "backends" | "errorPages"> {
  /** By name. */
  readonly backends: ReadonlyMap<string, BackendConfig>;
  /** HTML files for the proxy's own errors, by status. */
  readonly errorPages: ReadonlyMap<number, string>;
}

export type BackendConfig = FileConfig["backends"][string];
export type BackendTlsConfig = NonNullable<BackendConfig["tls"]>;
export type StickyConfig = NonNullable<BackendConfig["sticky"]>;
export type ServerConfig = BackendConfig["servers"][number];
export type HealthConfig = BackendConfig["health"];
export type DnsConfig = BackendConfig["dns"];
export type RouteConfig = FileConfig["routes"][number];
export type LogConfig = FileConfig["log"];
export type LogLevel = LogConfig["level"];
export type AdminConfig = NonNullable<FileConfig["admin"]>;
export type AcmeConfig = NonNullable<FileConfig["acme"]>;
export type ClusterConfig = NonNullable<FileConfig["cluster"]>;
export type TestConfig = FileConfig["tests"][number];
