import { DEFAULT_BACKEND, DEFAULT_CONFIG, routeTo } from "../config/defaults.ts";
import type {
  BackendConfig,
  CertificateConfig,
  Config,
  LogConfig,
  Mode,
  TlsListenerConfig,
} from "../config/config.ts";
import { SERVER_DEFAULTS } from "../config/backend_schema.ts";
import { TLS_DEFAULTS } from "../config/listener_schema.ts";
import { type Address, parseAddress } from "../core/address.ts";
import { parseServerAddress, type ServerAddress } from "../core/endpoint.ts";
import { messageOf } from "../core/errors.ts";

/** The flags of the one-backend form, as the command line gives them. */
export interface Flags {
  readonly listen: string;
  readonly backend: readonly string[];
  readonly cert: readonly string[];
  readonly key: readonly string[];
  readonly mode: Mode;
  readonly engine: TlsListenerConfig["engine"];
  readonly logLevel: LogConfig["level"];
  readonly accessLog: boolean;
  readonly tlsLog: boolean;
}

/** What each flag is when it is not given. */
export const DEFAULT_FLAGS: Flags = {
  listen: "127.0.0.1:8443",
  backend: [],
  cert: [],
  key: [],
  mode: "http",
  engine: "auto",
  logLevel: DEFAULT_CONFIG.log.level,
  accessLog: DEFAULT_CONFIG.log.access,
  tlsLog: DEFAULT_CONFIG.log.tls,
};

/** The name of the one backend of the flag form. */
const BACKEND_NAME = "default";

/** The user's flags make no sense; one line saying why, exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * The configuration that the flags ask for. Without `--cert` it has no certificates, without
 * `--backend` no backend: whoever runs it fills in the development certificate and the demo
 * backend.
 *
 * @throws {UsageError}
 */
export function configFromFlags(flags: Flags): Config {
  const certificates = pairCertificates(flags);
  const servers = flags.backend.map(parseBackend);
  if (certificates.length > 0 && servers.length === 0) {
    throw new UsageError("--backend is missing: say where to forward to, such as 127.0.0.1:8000");
  }
  const config: Config = {
    ...DEFAULT_CONFIG,
    listeners: [{
      kind: "tls",
      listen: parseFlagAddress("--listen", flags.listen),
      mode: flags.mode,
      engine: flags.engine,
      http2: true,
      alpn: [],
      tls: TLS_DEFAULTS,
      proxyProtocol: undefined,
    }],
    certificates,
    // one thread does to try things out; the YAML form takes every core
    workers: 1,
    log: {
      ...DEFAULT_CONFIG.log,
      level: flags.logLevel,
      access: flags.accessLog,
      tls: flags.tlsLog,
    },
  };
  return servers.length === 0 ? config : withBackend(config, servers);
}

/** The configuration with all requests going to these servers. */
export function withBackend(config: Config, servers: readonly ServerAddress[]): Config {
  const backend: BackendConfig = {
    ...DEFAULT_BACKEND,
    servers: servers.map((address) => ({ address, ...SERVER_DEFAULTS })),
  };
  return {
    ...config,
    backends: new Map([[BACKEND_NAME, backend]]),
    routes: [routeTo(BACKEND_NAME)],
  };
}

function pairCertificates({ cert: certs, key: keys }: Flags): readonly CertificateConfig[] {
  if (certs.length !== keys.length) {
    throw new UsageError(
      `--cert and --key come in pairs: there are ${certs.length} of --cert and ${keys.length} of --key`,
    );
  }
  // what a variable of a shell comes to that is not set
  for (const [flag, files] of [["--cert", certs], ["--key", keys]] as const) {
    if (files.includes("")) throw new UsageError(`${flag} is empty: say which file`);
  }
  return certs.flatMap((cert, index) => {
    const key = keys[index];
    return key === undefined ? [] : [certificateConfig({ cert, key })];
  });
}

/** A pair of files as the flags know it: for its own names. */
export function certificateConfig({ cert, key }: { cert: string; key: string }): CertificateConfig {
  return { cert, key, passphraseFile: undefined, hosts: undefined, default: false };
}

function parseBackend(text: string): ServerAddress {
  try {
    return parseServerAddress(text);
  } catch (error) {
    throw new UsageError(`--backend: ${messageOf(error)}`);
  }
}

function parseFlagAddress(flag: string, text: string): Address {
  try {
    return parseAddress(text);
  } catch (error) {
    throw new UsageError(`${flag}: ${messageOf(error)}`);
  }
}
