import type { Address } from "../core/address.ts";
import type { ServerAddress } from "../core/endpoint.ts";
import type { Rate } from "../core/rate_table.ts";
import type { Conditions } from "../http/conditions.ts";
import type { FieldRules } from "../http/field_rules.ts";
import type { EngineName } from "../tls/engine.ts";

/**
 * The whole configuration, parsed and checked: whatever made it, flags or YAML, nothing after it
 * checks again. Durations are milliseconds, sizes are bytes, paths are as this process can open
 * them, host names are lower-case A-labels.
 */
export interface Config {
  readonly listeners: readonly ListenerConfig[];
  readonly certificates: readonly CertificateConfig[];
  /** What clients have to prove, by the name they ask for. */
  readonly clientAuth: readonly ClientAuthConfig[];
  /** By name. */
  readonly backends: ReadonlyMap<string, BackendConfig>;
  /** HTML files for the proxy's own errors, by status. */
  readonly errorPages: ReadonlyMap<number, string>;
  /** First match wins. */
  readonly routes: readonly RouteConfig[];
  readonly forwarded: ForwardedConfig;
  readonly timeouts: TimeoutsConfig;
  readonly limits: LimitsConfig;
  readonly workers: number | "auto";
  readonly log: LogConfig;
  readonly watch: WatchConfig;
  readonly admin: AdminConfig | undefined;
  /** Undefined where no certificate is got by the proxy. */
  readonly acme: AcmeConfig | undefined;
  /** What replicas share; undefined where this is the only one. */
  readonly cluster: ClusterConfig | undefined;
  /** What `check` and every reload have to find true. */
  readonly tests: readonly TestConfig[];
}

export type ListenerConfig = TlsListenerConfig | PlainListenerConfig | RedirectListenerConfig;

export interface TlsListenerConfig {
  readonly kind: "tls";
  readonly listen: Address;
  readonly mode: Mode;
  readonly engine: EngineName | "auto";
  /** Whether HTTP/2 is offered in http mode. */
  readonly http2: boolean;
  /** Protocols offered by ALPN in tcp mode, best first. */
  readonly alpn: readonly string[];
  readonly tls: TlsConfig;
  readonly proxyProtocol: ProxyProtocolConfig | undefined;
}

/** What a listener asks of its clients' TLS; what is undefined the engine chooses. */
export interface TlsConfig {
  readonly minVersion: "1.2" | "1.3";
  readonly strictSni: boolean;
  /** Names of IANA, best first. */
  readonly ciphers: readonly string[] | undefined;
  readonly groups: readonly string[] | undefined;
  readonly sessionTickets: boolean;
}

/** Plain HTTP by the routes. */
export interface PlainListenerConfig {
  readonly kind: "plain";
  readonly listen: Address;
  readonly proxyProtocol: ProxyProtocolConfig | undefined;
}

/** Plain HTTP that answers requests with 308 to https. */
export interface RedirectListenerConfig {
  readonly kind: "redirect";
  readonly listen: Address;
  /** Prefixes of paths that go by the routes instead. */
  readonly except: readonly string[];
  readonly proxyProtocol: ProxyProtocolConfig | undefined;
}

/** Whose connections begin with a PROXY header, and nobody else's. */
export interface ProxyProtocolConfig {
  /** Addresses (CIDR) of proxies in front; at least one. */
  readonly from: readonly string[];
}

/** What a listener does with the plaintext. */
export type Mode = "http" | "tcp";

/** A PEM pair: files of the user's, or what the proxy gets from a CA and keeps in its store. */
export interface CertificateConfig {
  /** The names to get it for (RFC 8555); undefined for files of the user's. */
  readonly acme?: readonly string[] | undefined;
  readonly cert: string;
  readonly key: string;
  readonly passphraseFile: string | undefined;
  /** The names it is given for; undefined for those in the certificate. */
  readonly hosts: readonly string[] | undefined;
  readonly default: boolean;
}

/** Certificates of clients: asked for under these names. */
export interface ClientAuthConfig {
  /** Names, or `*.name` for one label more; empty for all that no other entry names. */
  readonly hosts: readonly string[];
  /** PEM file of the authorities that are believed. */
  readonly ca: string;
  readonly mode: "require" | "optional";
  /** PEM file of what they have revoked. */
  readonly crl: string | undefined;
}

export interface BackendConfig {
  readonly servers: readonly ServerConfig[];
  readonly balance: Balance;
  /** How clients keep their servers; undefined where they do not. */
  readonly sticky: StickyConfig | undefined;
  /** `auto`: by ALPN. */
  readonly protocol: "http1" | "h2" | "auto";
  readonly health: HealthConfig;
  readonly ejection: EjectionConfig;
  /** Until a server that has returned has its whole share; 0 for at once. */
  readonly slowStart: number;
  /** For requests that find every server at its `maxConnections`. */
  readonly queue: { readonly max: number; readonly timeout: number };
  /** How often a request may be tried again where nothing was sent. */
  readonly retries: number;
  /** The status for a request that no server is there for. */
  readonly whenDown: 502 | 503;
  /** What is sent to servers ahead of everything else. */
  readonly proxyProtocol: "v1" | "v2" | "none";
  /** Undefined where servers are spoken to in plain text. */
  readonly tls: BackendTlsConfig | undefined;
  readonly dns: DnsConfig;
  readonly timeouts: {
    readonly connect: number;
    readonly response: number;
    /** Without progress of an answer's body; undefined for that of all bodies. */
    readonly idle: number | undefined;
  };
  /** Of answers' heads; undefined for those of requests. */
  readonly limits: {
    readonly headerBytes: number | undefined;
    readonly headers: number | undefined;
  };
  readonly pool: { readonly maxIdle: number; readonly idleTimeout: number };
}

/** TLS to servers. */
export interface BackendTlsConfig {
  /** PEM file of the authorities that are believed; undefined for the system's. */
  readonly ca: string | undefined;
  /** What the server's certificate has to be for; undefined for the server's host. */
  readonly name: string | undefined;
  /** PEM files of what is shown to servers that ask; both or none. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** File that holds the passphrase of an encrypted key. */
  readonly passphraseFile: string | undefined;
  /** Whether servers have to prove who they are. */
  readonly verify: boolean;
}

export interface StickyConfig {
  /** The cookie's name. */
  readonly cookie: string;
  /** For which it lasts; one that is used is renewed before half of that. */
  readonly ttl: number;
}

export type Balance = "round_robin" | "least_connections" | "random" | "source_hash";

export interface ServerConfig {
  readonly address: ServerAddress;
  readonly weight: number;
  readonly backup: boolean;
  /** 0 is no limit. */
  readonly maxConnections: number;
  /** Whether it gets no new work. */
  readonly drain: boolean;
  /** Whether its backend's check is for it too. */
  readonly checked: boolean;
}

export type HealthConfig =
  | { readonly type: "none" }
  | {
    readonly type: "http" | "tcp" | "grpc";
    /** Of a gRPC check; empty for the server as a whole. */
    readonly service: string;
    readonly method: string;
    readonly path: string;
    /** Undefined for the server's own address. */
    readonly host: string | undefined;
    /** Status ranges, both ends included. */
    readonly expect: readonly (readonly [number, number])[];
    /** What the body has to contain. */
    readonly body: string | undefined;
    readonly interval: number;
    readonly fastInterval: number;
    readonly timeout: number;
    readonly rise: number;
    readonly fall: number;
  };

/** When failed requests take a server out, and for how long. */
export interface EjectionConfig {
  /** In a row; 0 never. */
  readonly failures: number;
  readonly time: number;
  readonly maxTime: number;
  /** Per cent of the servers that stay in any case. */
  readonly minHealthy: number;
}

/** How `dns:` servers are looked up. */
export interface DnsConfig {
  readonly interval: number;
  readonly timeout: number;
  /** The name server; undefined for the system's way. */
  readonly server: Address | undefined;
  /** Ranges (CIDR) that addresses have to lie in; empty for any. */
  readonly networks: readonly string[];
}

export interface RouteConfig {
  /** Names, or `*.name` for one label more; empty matches every host. */
  readonly hosts: readonly string[];
  /** Prefixes of the path, on segment borders; empty matches every path. */
  readonly paths: readonly string[];
  /** What else a request has to be. */
  readonly conditions: Conditions;
  /** One of this and the next two says what is done. */
  readonly backend: string | undefined;
  /** Whether TLS is the server's: connections for these names go there as they come. */
  readonly passthrough: boolean;
  /** A template, and the status. */
  readonly redirect:
    | { readonly to: string; readonly status: 301 | 302 | 303 | 307 | 308 }
    | undefined;
  readonly respond: RespondConfig | undefined;
  /** Taken off the path. */
  readonly stripPrefix: string | undefined;
  readonly requestHeaders: FieldRules;
  readonly responseHeaders: FieldRules;
  /** Addresses (CIDR) of clients; empty for all. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly rateLimit: Rate | undefined;
  readonly basicAuth: { readonly file: string; readonly realm: string } | undefined;
  /** Undefined for the limit of all. */
  readonly limits: { readonly body: number | undefined };
  readonly compress: boolean;
}

export interface RespondConfig {
  readonly status: number;
  readonly type: string;
  /** Where there is no file. */
  readonly body: string;
  readonly file: string | undefined;
}

export interface ForwardedConfig {
  /** Addresses (CIDR) whose forwarded fields are believed. */
  readonly trusted: readonly string[];
  /** Whether `Forwarded` (RFC 7239) is written too. */
  readonly standard: boolean;
  /** Whether `Via` is written (RFC 9110, section 7.6.3). */
  readonly via: boolean;
}

export interface TimeoutsConfig {
  readonly handshake: number;
  readonly header: number;
  readonly bodyIdle: number;
  readonly keepAlive: number;
  readonly tunnelIdle: number;
  readonly drain: number;
}

/** 0 is no limit. */
export interface LimitsConfig {
  readonly connections: number;
  readonly connectionsPerIp: number;
  readonly headerBytes: number;
  readonly headers: number;
  /** Requests at a time on one connection of HTTP/2; never 0. */
  readonly streams: number;
  readonly body: number;
  /** Bytes a second. */
  readonly bodyRate: number;
}

export interface LogConfig {
  readonly level: LogLevel;
  /** Of categories that have a level of their own. */
  readonly levels: {
    readonly access: LogLevel | undefined;
    readonly tls: LogLevel | undefined;
    readonly server: LogLevel | undefined;
    readonly proxy: LogLevel | undefined;
  };
  readonly format: "text" | "json";
  readonly access: boolean;
  /** Whether protocol, cipher and SNI are wanted in the log. */
  readonly tls: boolean;
  /** The share of everyday lines that is kept, 0 to 1. */
  readonly sample: number;
  /** Undefined for standard output. */
  readonly file: string | undefined;
}

export type LogLevel = "debug" | "info" | "warning" | "error";

/** The page, the metrics and the state of the running proxy. */
export interface AdminConfig {
  readonly listen: Address;
  /** File that holds the token that everybody but a probe has to show. */
  readonly tokenFile: string | undefined;
  /** Names under which it is reached, beside `localhost` and IP addresses. */
  readonly hosts: readonly string[];
}

/** A Redis or Valkey in which replicas meet. */
export interface ClusterConfig {
  readonly redis: Address;
  readonly tls: boolean;
  /** PEM file of the CA of its certificate; undefined for the system's. */
  readonly caFile: string | undefined;
  readonly passwordFile: string | undefined;
  /** In front of every key and channel. */
  readonly prefix: string;
}

/** How certificates are got from a CA that speaks ACME (RFC 8555). */
export interface AcmeConfig {
  /** URL of the directory. */
  readonly directory: string;
  readonly email: string | undefined;
  readonly challenge: "auto" | "http-01" | "tls-alpn-01";
  /** Folder of account and certificates. */
  readonly store: string;
  readonly keyType: "ecdsa" | "rsa";
  /** Before the end; undefined for a third of the life. */
  readonly renewBefore: number | undefined;
  /** PEM file of the CA of the directory's own certificate. */
  readonly caFile: string | undefined;
  /** External account binding (RFC 8555, section 7.3.4). */
  readonly eab: { readonly kid: string; readonly hmacFile: string } | undefined;
}

/** Which files are reloaded by themselves when they change. */
export interface WatchConfig {
  readonly config: boolean;
  readonly certificates: boolean;
}

/** A question to the configuration, and the answer it must give. */
export interface TestConfig {
  readonly sni: string | undefined;
  readonly host: string | undefined;
  readonly path: string;
  readonly expect: TestExpectation;
}

export interface TestExpectation {
  readonly backend: string | undefined;
  /** A name that the certificate given covers, or the path of its file. */
  readonly certificate: string | undefined;
  readonly status: number | undefined;
  /** Where a redirect leads to. */
  readonly redirect: string | undefined;
  /** What a route puts into answers, by name. */
  readonly header: Readonly<Record<string, string>> | undefined;
}
